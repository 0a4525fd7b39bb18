using System.CommandLine;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace HostService.Silo.Cli;

/// <summary>The options of the commands that spin a mandelbox up.</summary>
internal sealed class SpinUpOptions
{
    private readonly Option<string> _app = SpinUpCommand.App();

    private readonly Option<string> _id = new("--id")
    {
        Description = "The mandelbox's id; made up when not given.",
        DefaultValueFactory = _ => $"cli-{RandomNumberGenerator.GetHexString(8, lowercase: true)}",
    };

    private readonly Option<ulong> _session = new("--session") { Description = "The session's number.", DefaultValueFactory = _ => 1 };

    private readonly Option<int?> _dpi = new("--dpi") { Description = "Dots per inch, 1 to 1000." };

    private readonly Option<string?> _configToken = new("--config-token")
    {
        Description = "What the user's settings are encrypted with, at least 10 characters; made up when not given. "
            + "Better given as HOST_SERVICE_CONFIG_TOKEN.",
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable("HOST_SERVICE_CONFIG_TOKEN"),
    };

    private readonly Option<string?> _userToken = SpinUpCommand.UserToken();

    public SpinUpOptions AddTo(Command command)
    {
        foreach (var option in new Option[] { _app, _id, _session, _dpi, _configToken, _userToken })
        {
            command.Options.Add(option);
        }

        return this;
    }

    /// <summary>The mandelbox's id, and the body of the wire's request.</summary>
    public (string Id, JsonObject Body) Request(ParseResult parsed)
    {
        var id = parsed.GetValue(_id)!;
        var body = SpinUpCommand.Body(
            parsed.GetValue(_app)!, id, parsed.GetValue(_session), parsed.GetValue(_configToken), parsed.GetValue(_userToken));
        if (parsed.GetValue(_dpi) is { } dots)
        {
            body["dpi"] = dots;
        }

        return (id, body);
    }
}
