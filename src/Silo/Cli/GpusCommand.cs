using System.CommandLine;
using HostService.Infrastructure.Gpu;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary><c>host-service gpus</c>: what NVML says of this machine, with no service running.</summary>
internal static class GpusCommand
{
    public static Command Create()
    {
        var command = new Command("gpus", "List the GPUs of this machine as the service sees them. Settings are taken as by run.")
        {
            TreatUnmatchedTokensAsErrors = false,
        };
        var json = new Option<bool>("--json") { Description = "Print JSON, named as nvidia-smi names its figures." };
        command.Options.Add(json);
        command.SetAction(parsed =>
        {
            var options = ServiceConfigurationReader.Read(parsed.UnmatchedTokens).ReadValid<GpuOptions>(GpuOptions.Section);
            using var inventory = new NvmlGpuInventory(options.NvmlLibrary, options.ReopenAfter, TimeProvider.System);
            var report = GpuReport.From(inventory.Read());
            Console.WriteLine(parsed.GetValue(json) ? report.ToJson() : report.ToText());
            return ExitCodes.Ended;
        });
        return command;
    }
}
