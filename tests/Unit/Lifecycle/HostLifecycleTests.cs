using System.Runtime.InteropServices;
using HostService.Grains.Lifecycle;
using HostService.Silo.Lifecycle;
using Microsoft.Extensions.Configuration;

namespace HostService.Tests.Unit.Lifecycle;

/// <summary>The table that says the order of start and shutdown (B3, B30).</summary>
public sealed class HostLifecycleTests
{
    private static readonly string[] WholeShutdown =
    [
        "mark the host as draining", "wait for assigned spin-ups", "refuse spin-ups", "stop keeping mandelboxes waiting",
        "end the mandelboxes that wait for users", "wait for the mandelboxes to end", "close the host",
        "stop the HTTPS server", "end the mandelboxes",
        "stop keeping network sandboxes", "remove network sandboxes", "stop watching the engine", "give up unfinished saves", "remove directories", "sweep stale rows", "remove the host's row",
        "flush database writes", "stop the heartbeat",
        "stop the webserver's heartbeat", "send the dying heartbeat", "stop watching EC2's notices", "stop metrics",
        "leave the mandelboxes to the next run", "stop the silo",
        "remove directories", "send the dying heartbeat", "flush the log", "flush error reports", "turn the machine off",
    ];

    [Fact]
    public void The_start_is_in_the_order_of_the_contract() => Assert.Equal(
        [
            "start error reporting", "build the application", "check the preconditions", "test the database", "find this host's identity",
            "read the GPUs", "load the firewall", "load the AppArmor profile", "take back what the last run left", "make directories",
            "start the container engine", "reach the container engine", "claim this host's name", "look for containers of earlier runs",
            "detect capabilities", "start the silo", "keep the leases of earlier runs", "take over the mandelboxes of the last run", "warm up", "start metrics",
            "watch EC2's notices", "start the webserver's heartbeat", "register the host", "watch the engine",
            "keep network sandboxes", "start the HTTPS server", "accept spin-ups",
            "keep mandelboxes waiting for users", "start the ECS agent", "report readiness",
        ],
        Steps().Where(s => !s.IsStop).Select(s => s.Name));

    [Fact]
    public async Task The_shutdown_of_a_host_that_was_ready_is_in_the_order_of_the_contract() =>
        Assert.Equal(WholeShutdown, await ShutdownAfterAsync("report readiness"));

    [Theory]
    [InlineData("build the application", "flush the log", "flush error reports", "turn the machine off")]
    [InlineData("test the database", "flush the log", "flush error reports", "turn the machine off")]
    [InlineData("load the firewall", "send the dying heartbeat", "flush the log", "flush error reports", "turn the machine off")]
    [InlineData(
        "make directories",
        "remove directories", "send the dying heartbeat", "flush the log", "flush error reports", "turn the machine off")]
    [InlineData(
        "warm up",
        "leave the mandelboxes to the next run", "stop the silo", "remove directories", "send the dying heartbeat", "flush the log", "flush error reports", "turn the machine off")]
    [InlineData(
        "start the silo",
        "stop the silo", "remove directories", "send the dying heartbeat", "flush the log", "flush error reports", "turn the machine off")]
    public async Task A_start_that_fails_is_undone_from_where_it_failed(string failing, params string[] undone) =>
        Assert.Equal(undone, await ShutdownAfterAsync(failing, fails: true));

    [Fact]
    public async Task A_server_that_cannot_listen_took_no_spin_ups_and_is_not_drained() =>
        Assert.Equal(WholeShutdown[6..], await ShutdownAfterAsync("start the HTTPS server", fails: true));

    [Theory]
    [InlineData(
        "find this host's identity", "mark the host as draining", "send the dying heartbeat", "flush the log", "flush error reports")]
    [InlineData("build the application", "flush the log", "flush error reports")]
    public async Task The_last_words_of_a_run_that_was_killed_are_those_of_a_shutdown_as_far_as_it_can_get(string failing, params string[] said)
    {
        Assert.Equal(said, await ShutdownAfterAsync(failing, fails: true, HostLifecycle.LastWordsStages()));

        var options = new ShutdownOptions();
        var rows = HostLifecycle.LastWordsStages().SelectMany(s => s.Steps);
        var longest = rows.Aggregate(TimeSpan.Zero, (sum, row) => sum + (row.UndoTimeout ?? options.StepTimeout));
        Assert.True(longest < options.UnitTimeout / 10);
    }

    [Fact]
    public void Every_row_of_the_shutdown_counts_towards_the_longest_time_that_it_may_take()
    {
        var options = new ShutdownOptions();
        var longest = HostLifecycle.LongestShutdown(options);
        var ordinary = Steps().Count(s => s.IsStop && s.UndoTimeout is null);
        options.StepTimeout += TimeSpan.FromSeconds(1);

        // The grace is a step, too: its own time comes on top.
        Assert.Equal(longest + TimeSpan.FromSeconds(ordinary + 1), HostLifecycle.LongestShutdown(options));
        options.MandelboxTimeout += TimeSpan.FromMinutes(1);
        options.Grace += TimeSpan.FromMinutes(1);
        Assert.Equal(longest + TimeSpan.FromSeconds(ordinary + 1) + TimeSpan.FromMinutes(2), HostLifecycle.LongestShutdown(options));
    }

    [Fact]
    public async Task A_stop_ends_the_wait_for_assigned_spin_ups()
    {
        var shutdown = new ShutdownSignal(TimeProvider.System);
        shutdown.Request("drain_and_shutdown was called", force: false);
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("APP_ENV", "PROD")]).Build();
        var context = new HostContext(configuration, new ShutdownOptions { Grace = TimeSpan.FromDays(1) }, shutdown);

        var wait = Steps().Single(s => s.Name == "wait for assigned spin-ups").UndoAsync(context, CancellationToken.None);
        Assert.False(wait.IsCompleted);

        shutdown.Signal(PosixSignal.SIGTERM);
        await wait.WaitAsync(TimeSpan.FromSeconds(30));
    }

    private static IEnumerable<HostStep> Steps() => HostLifecycle.Stages(new ShutdownOptions()).SelectMany(s => s.Steps).Cast<HostStep>();

    /// <summary>Runs the table, with nothing behind its rows, until this row; what is then undone.</summary>
    private static async Task<List<string>> ShutdownAfterAsync(
        string last, bool fails = false, IReadOnlyList<Stage<HostContext>>? table = null)
    {
        var undone = new List<string>();
        var stages = new List<Stage<HostContext>>();
        foreach (var stage in table ?? HostLifecycle.Stages(new ShutdownOptions()))
        {
            stages.Add(new Stage<HostContext>([.. stage.Steps.Cast<HostStep>().Select(step => step with
            {
                Action = (_, _) =>
                {
                    if (step.IsStop)
                    {
                        undone.Add(step.Name);
                    }

                    return fails && step.Name == last && !step.IsStop ? Task.FromException(new IOException("no")) : Task.CompletedTask;
                },
            })]));
            if (stage.Steps.Any(s => s.Name == last))
            {
                break;
            }
        }

        var context = new HostContext(new ConfigurationBuilder().Build(), new ShutdownOptions(), new ShutdownSignal(TimeProvider.System));
        var runner = new StepRunner<HostContext>(context, TimeProvider.System, Timeout.InfiniteTimeSpan, TimeSpan.FromSeconds(30));
        Assert.Equal(fails ? last : null, (await runner.RunAsync(stages, CancellationToken.None))?.Step);
        Assert.Empty(await runner.UndoAsync());
        return undone;
    }
}
