using HostService.Grains.Mandelbox;
using HostService.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace HostService.Tests.Cluster;

/// <summary>What the log has of a mandelbox: a line when it runs and a line when it has gone, without its user.</summary>
public sealed class LifeLogTests
{
    private readonly RecordingLogger<MandelboxGrain> _log = new();

    private IEnumerable<string> Lines => _log.Lines.Where(line => !line.StartsWith("Debug", StringComparison.Ordinal));

    [Fact]
    public async Task A_life_is_two_lines_with_what_it_held_and_why_it_ended()
    {
        await using var cluster = await StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request(user: "secret-user"))).Failure);
        var (container, tty) = (cluster.Engine.Containers.Single().Id[..12], (await cluster.Host.ListLeases()).Single().Tty);
        await cluster.DieAsync("m1", exitCode: 3);
        await _log.LineAsync("m1 has gone").WaitAsync(TimeSpan.FromSeconds(30));

        const string Time = @"[0-9.]+ m?s";
        var facts = $@"app mandelboxes/demo, TTY {tty}, ports \d+ \d+ \d+, container {container}";
        Assert.Collection(
            Lines,
            line => Assert.Matches(
                $@"^Information: Mandelbox m1 runs after {Time} \(Leased {Time}, Created {Time}, Started {Time}, Connecting {Time}, "
                    + $@"Running {Time}\): {facts}$",
                line),
            line => Assert.Matches(
                $@"^Information: Mandelbox m1 has gone after {Time}: AppExited \(its container ended with exit code 3\), exit code 3; {facts}$",
                line));
        Assert.DoesNotContain(_log.Lines, line => line.Contains("secret-user", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_reason_of_a_failed_spin_up_is_told_once()
    {
        await using var cluster = await StartAsync();
        cluster.Engine.FailNext(EngineCall.Create);
        Assert.NotNull((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        await _log.LineAsync("m1 has gone").WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Single(Lines, line => line.Contains("because the test asked for it", StringComparison.Ordinal));
        Assert.Contains(Lines, line => line.Contains("StartFailed in step create; app mandelboxes/demo, TTY ", StringComparison.Ordinal));
    }

    private Task<HostCluster> StartAsync() =>
        new HostCluster { Replace = services => services.AddSingleton<ILogger<MandelboxGrain>>(_log) }.StartAsync();
}
