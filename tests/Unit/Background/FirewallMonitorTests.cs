using HostService.GrainInterfaces;
using HostService.Infrastructure.Linux.Firewall;
using HostService.Silo.Background;
using HostService.Tests.Support;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Background;

public sealed class FirewallMonitorTests
{
    private const string Engines = IFirewall.EngineRule + "PREROUTING -j DOCKER";

    private readonly ManualClock _clock = new();
    private readonly RecordingLogger<FirewallMonitor> _log = new();
    private readonly FakeFirewall _firewall = new();

    [Fact]
    public async Task A_deployed_host_that_cannot_load_the_firewall_does_not_start()
    {
        Answers(Fault("iptables is not installed"));

        var refused = await Assert.ThrowsAsync<FirewallException>(() => Monitor(HostEnvironment.Prod).LoadAsync(CancellationToken.None));

        Assert.Equal("iptables is not installed", refused.Message);
    }

    [Fact]
    public async Task A_local_one_warns_once_and_is_ready()
    {
        Answers(Fault("iptables is not installed"));
        var monitor = Monitor(HostEnvironment.LocalDev);

        await monitor.LoadAsync(CancellationToken.None);

        Assert.Equal([null, null], await ChecksAsync(monitor, 2));
        Assert.Equal(
            "Warning: Firewall not loaded, so mandelboxes may reach the host's loopback and credentials: iptables is not installed",
            Assert.Single(_log.Lines));
    }

    [Fact]
    public async Task Rules_that_are_there_already_are_not_mentioned()
    {
        Answers(Loaded());
        var monitor = Monitor(HostEnvironment.Prod);

        await monitor.LoadAsync(CancellationToken.None);

        Assert.Equal([null], await ChecksAsync(monitor, 1));
        Assert.Empty(_log.Lines);
    }

    [Fact]
    public async Task Rules_that_were_flushed_are_loaded_again_and_named()
    {
        Answers(Loaded("a", "b"), Loaded(), Loaded("b"), Loaded());
        var monitor = Monitor(HostEnvironment.Prod);

        await monitor.LoadAsync(CancellationToken.None);

        Assert.Equal([null, null, null], await ChecksAsync(monitor, 3));
        Assert.Equal(
            ["Information: Firewall rules loaded: a, b", "Warning: Firewall rules were missing and are loaded again: b"], _log.Lines);
    }

    [Fact]
    public async Task A_deployed_host_is_not_ready_for_as_long_as_they_cannot_be_loaded_again()
    {
        Answers(Loaded(), Fault("no"), Fault("no"), Loaded("a"));
        var monitor = Monitor(HostEnvironment.Prod);

        await monitor.LoadAsync(CancellationToken.None);

        Assert.Equal(["the firewall is not loaded: no", "the firewall is not loaded: no", null], await ChecksAsync(monitor, 3));
        Assert.Equal(
            [
                "Warning: Firewall not loaded, so mandelboxes may reach the host's loopback and credentials: no",
                "Warning: Firewall rules were missing and are loaded again: a",
            ],
            _log.Lines);
    }

    [Fact]
    public async Task A_deployed_host_is_not_ready_while_the_engines_rule_for_published_ports_is_gone()
    {
        Answers(Loaded(Engines), Loaded(), Loaded(Engines, "a"), Loaded(Engines), Loaded());
        var monitor = Monitor(HostEnvironment.Prod);

        await monitor.LoadAsync(CancellationToken.None);

        const string Gone = "clients may not reach mandelboxes: the engine's rule nat PREROUTING -j DOCKER is gone; restart the engine "
            + "once no mandelbox runs";
        Assert.Equal([null, Gone, Gone, null], await ChecksAsync(monitor, 4));
        Assert.Equal(
            [
                "Warning: Firewall rules were missing and are loaded again: a",
                "Error: The engine's rule nat PREROUTING -j DOCKER is gone, so clients may not reach mandelboxes",
            ],
            _log.Lines);
    }

    [Fact]
    public async Task An_engine_that_leaves_iptables_alone_is_no_fault()
    {
        Answers(Loaded(Engines));
        var monitor = Monitor(HostEnvironment.Prod);

        await monitor.LoadAsync(CancellationToken.None);

        Assert.Equal([null, null], await ChecksAsync(monitor, 2));
        Assert.Empty(_log.Lines);
    }

    private static Func<IReadOnlyList<string>> Loaded(params string[] rules) => () => rules;

    private static Func<IReadOnlyList<string>> Fault(string reason) => () => throw new FirewallException(reason);

    private void Answers(params Func<IReadOnlyList<string>>[] answers) => _firewall.Answers = answers;

    /// <summary>The results of the first checks, a check interval apart.</summary>
    private async Task<List<string?>> ChecksAsync(FirewallMonitor monitor, int count)
    {
        var results = new List<string?>();
        await using var checks = monitor.WatchAsync(CancellationToken.None).GetAsyncEnumerator();
        while (results.Count < count)
        {
            var next = checks.MoveNextAsync();
            _clock.Advance(TimeSpan.FromSeconds(30));
            Assert.True(await next);
            results.Add(checks.Current);
        }

        return results;
    }

    private FirewallMonitor Monitor(HostEnvironment environment) =>
        new(_firewall, new RunningEnvironment(environment), Options.Create(new FirewallOptions()), _clock, _log);

    private sealed class FakeFirewall : IFirewall
    {
        private int _next;

        /// <summary>The answers in order; the last one repeats.</summary>
        public Func<IReadOnlyList<string>>[] Answers { get; set; } = [];

        public Task<IReadOnlyList<string>> FindMissingAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<IReadOnlyList<string>> LoadAsync(CancellationToken cancellationToken)
        {
            try
            {
                return Task.FromResult(Answers[Math.Min(_next++, Answers.Length - 1)]());
            }
            catch (FirewallException exception)
            {
                return Task.FromException<IReadOnlyList<string>>(exception);
            }
        }
    }
}
