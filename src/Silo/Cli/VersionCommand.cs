using System.CommandLine;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary><c>host-service version</c>.</summary>
internal static class VersionCommand
{
    public static Command Create()
    {
        var command = new Command("version", "Print the version and what it runs on.");
        command.SetAction(_ => Print());
        return command;
    }

    public static int Print()
    {
        Console.WriteLine(ServiceVersion.Line);
        return ExitCodes.Ended;
    }
}
