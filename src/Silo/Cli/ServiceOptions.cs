using System.CommandLine;

namespace HostService.Silo.Cli;

/// <summary>The options of every command that talks to a running service.</summary>
internal sealed class ServiceOptions
{
    public Option<Uri> Address { get; } = new("--address")
    {
        Description = "The running service.",
        DefaultValueFactory = _ => new Uri($"https://127.0.0.1:{Environment.GetEnvironmentVariable("Gateway__Port") ?? "4678"}"),
        CustomParser = argument =>
        {
            if (Uri.TryCreate(argument.Tokens[0].Value, UriKind.Absolute, out var address) && address.Scheme == Uri.UriSchemeHttps)
            {
                return address;
            }

            argument.AddError($"'{argument.Tokens[0].Value}' is no address of a service; give one like https://127.0.0.1:4678");
            return null;
        },
    };

    public Option<string?> Token { get; } = new("--token")
    {
        Description = "The backend's credential; not needed from this machine. "
            + "Better given as HOST_SERVICE_TOKEN, which no process list shows.",
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable("HOST_SERVICE_TOKEN"),
    };

    public Option<bool> Json { get; } = new("--json") { Description = "Print the answer as JSON." };

    public ServiceOptions AddTo(Command command)
    {
        command.Options.Add(Address);
        command.Options.Add(Token);
        command.Options.Add(Json);
        return this;
    }

    public ServiceClient Client(ParseResult parsed) => new(parsed.GetValue(Address)!, parsed.GetValue(Token));
}
