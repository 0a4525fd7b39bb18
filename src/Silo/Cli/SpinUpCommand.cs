using System.CommandLine;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary><c>host-service spin-up</c>: what the webserver's client does, for an operator or a developer.</summary>
internal static class SpinUpCommand
{
    public static Command Create()
    {
        var command = new Command("spin-up", "Spin a mandelbox up on a running service.");
        var spinUp = new SpinUpOptions().AddTo(command);
        var service = new ServiceOptions().AddTo(command);
        command.SetAction((parsed, cancellationToken) => ServiceClient.RunAsync(async () =>
        {
            var (id, body) = spinUp.Request(parsed);
            using var client = service.Client(parsed);
            var (status, text) = await client.SendAsync(HttpMethod.Put, "/spin_up_mandelbox", body, cancellationToken);
            if (status != HttpStatusCode.OK)
            {
                await Console.Error.WriteLineAsync($"host-service: {id} was not spun up ({(int)status}): {Reason(text)}");
                return ExitCodes.Failed;
            }

            var result = JsonNode.Parse(text)!["result"]!;
            Console.WriteLine(parsed.GetValue(service.Json)
                ? new JsonObject { ["mandelbox_id"] = id, ["result"] = result.DeepClone() }.ToJsonString()
                : $"{id} is up: 32262/tcp on {result["port_32262"]}, 32263/udp on {result["port_32263"]}, "
                    + $"32273/tcp on {result["port_32273"]}, AES key {result["aes_key"]}");
            return ExitCodes.Ended;
        }));
        return command;
    }

    public static Option<string> App() => new("--app") { Description = "The app.", DefaultValueFactory = _ => "mandelboxes/demo" };

    public static Option<string?> UserToken() => new("--user-token")
    {
        Description = "The user's JWT; not looked at in local environments. Better given as HOST_SERVICE_USER_TOKEN.",
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable("HOST_SERVICE_USER_TOKEN"),
    };

    /// <summary>The wire's request.</summary>
    /// <param name="configToken">Made up when null.</param>
    public static JsonObject Body(string app, string id, ulong session, string? configToken, string? userToken) => new()
    {
        ["app_name"] = app,
        ["mandelbox_id"] = id,
        ["session_id"] = session,
        ["config_encryption_token"] = configToken ?? RandomNumberGenerator.GetHexString(32, lowercase: true),
        ["jwt_access_token"] = userToken ?? "",
    };

    /// <summary>Why the wire refused.</summary>
    public static string Reason(string body)
    {
        try
        {
            return JsonNode.Parse(body)?["error"]?.ToString() ?? body;
        }
        catch (System.Text.Json.JsonException)
        {
            return body;
        }
    }
}
