using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using HostService.Infrastructure.Linux.Processes;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service;

/// <summary>The examples of docs/wire.md do what they say.</summary>
[Collection(EngineCollection.Name)]
public sealed partial class ExampleTests(EngineFixture engine)
{
    private static readonly string Page = File.ReadAllText(Path.Combine(Path.GetDirectoryName(ThisFile())!, "../../../docs/wire.md"));

    [EngineFact]
    public async Task Those_in_the_shell_spin_up_stop_and_end_the_service()
    {
        await using var service = await TestService.StartAsync(engine.Endpoint);
        var script = Example("sh")
            .Replace("/fractalprivate/cert.pem", Certificate(service), StringComparison.Ordinal)
            .Replace("https://127.0.0.1:4678", Address(service), StringComparison.Ordinal)
            .Replace("curl ", "curl --fail-with-body --silent --show-error ", StringComparison.Ordinal)
            .Replace("-d '{}'", $$"""-d '{"auth_secret":"{{ServiceProcess.Secret}}"}'""", StringComparison.Ordinal);

        var output = await RunAsync("bash", "-e", script);

        Assert.Contains("\"port_32262\":", output, StringComparison.Ordinal);
        Assert.Contains("\"state\":\"Running\"", output, StringComparison.Ordinal);
        Assert.Equal(0, await service.Process.Exited.WaitAsync(TimeSpan.FromSeconds(60)));
    }

    [EngineFact]
    public async Task The_one_in_Python_spins_up_and_stops()
    {
        await using var service = await TestService.StartAsync(engine.Endpoint);
        var script = Example("python")
            .Replace("/fractalprivate/cert.pem", Certificate(service), StringComparison.Ordinal)
            .Replace("https://127.0.0.1:4678", Address(service), StringComparison.Ordinal);

        var output = await RunAsync("python3", "-", script);

        Assert.Matches(@"'port_32262': \d+", output);
        Assert.Contains("'state': 'Running'", output, StringComparison.Ordinal);
        Assert.EndsWith("(204, None)\n", output, StringComparison.Ordinal);
        await service.AssertNothingIsLeftAsync();
    }

    private static string Example(string language) => CodeBlock().Matches(Page)
        .First(m => m.Groups["language"].Value == language && m.Value.Contains("spin_up_mandelbox", StringComparison.Ordinal)).Groups["code"].Value;

    private static string Certificate(TestService service) => Path.Combine(service.Settings.PrivateRoot, "cert.pem");

    private static string Address(TestService service) => service.Process.Address.ToString().TrimEnd('/');

    private static Task<string> RunAsync(string program, string argument, string script) =>
        ProgramRunner.RunAsync(program, [argument], script, TimeSpan.FromSeconds(60), TimeProvider.System, CancellationToken.None);

    private static string ThisFile([CallerFilePath] string path = "") => path;

    [GeneratedRegex(@"(?m)^```(?<language>\w+)\n(?<code>(?s:.*?))^```", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex CodeBlock();
}
