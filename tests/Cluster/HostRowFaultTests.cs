using HostService.Infrastructure.Backend.Webserver;
using HostService.Silo.Hosting;
using HostService.Silo.Lifecycle;

namespace HostService.Tests.Cluster;

/// <summary>
/// Each row of the host's start, as <see cref="HostLifecycle"/> lists them, fails in every way, and so does each row of its shutdown: every
/// other row of the shutdown is tried, nothing is held, and the exit code says why. All runs of a test use the same directories, ports and
/// engine: what one of them held would keep the next one from starting.
/// </summary>
public sealed class HostRowFaultTests : IAsyncLifetime
{
    private static readonly int StartRows = FaultyHost.Rows(isStop: false).Count;
    private readonly FaultyHost _host = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task A_start_that_fails_in_any_row_undoes_what_was_begun_holds_nothing_and_is_never_ready()
    {
        for (var row = 0; row < StartRows; row++)
        {
            foreach (var fault in new[] { Fault.Refuses, Fault.Throws, Fault.LosesItsAnswer, Fault.IsStopped, Fault.IsStoppedAfterwards })
            {
                var run = await _host.RunAsync(row, fault);

                Check(run, fault, () =>
                {
                    AssertStartFailed(run, row, fault);

                    // A local machine is turned off on request only.
                    Assert.Equal(run.Reason == ShutdownReason.Request && run.IsIdentified, run.IsTurnedOff);
                    Assert.Equal(run.IsIdentified, run.DyingHeartbeats > 0);
                    Assert.Equal(run.Undone.Contains("remove the host's row") ? null : "PRE_CONNECTION", _host.Database.HostStatus);
                    _host.AssertNothingIsHeld(run);
                });
            }
        }
    }

    [Fact]
    public async Task A_start_that_fails_in_any_row_leaves_the_mandelboxes_that_it_was_to_take_over_to_the_next_one()
    {
        await _host.HandOverAsync();
        var container = Assert.Single(_host.Engine.Containers).Id;
        for (var row = 0; row < StartRows; row++)
        {
            foreach (var fault in new[] { Fault.Throws, Fault.LosesItsAnswer, Fault.IsStoppedAfterwards })
            {
                var run = await _host.RunAsync(row, fault);

                Check(run, fault, () =>
                {
                    AssertStartFailed(run, row, fault);
                    var left = Assert.Single(_host.Engine.Containers);
                    Assert.Equal((container, true), (left.Id, left.Running));
                    Assert.True(Directory.Exists(_host.UserConfigsOf(FaultyHost.User)), "its user configs are removed");
                    Assert.Equal(("ACTIVE", "RUNNING", 0), (_host.Database.HostStatus, _host.Database.Rows[FaultyHost.User], run.Saved));
                    if (run.HasTakenOver)
                    {
                        Assert.Equal((false, 0), (run.IsTurnedOff, run.DyingHeartbeats));
                    }
                });
            }
        }

        var next = await _host.RunAsync();
        Assert.Equal((true, ExitCodes.Ended, 1), (next.IsReady, next.ExitCode, next.Saved));
        _host.AssertNothingIsHeld(next);
    }

    [Fact]
    public async Task A_shutdown_in_which_any_row_fails_tries_every_other_one()
    {
        var rows = FaultyHost.Rows(isStop: true);
        for (var row = 0; row < rows.Count; row++)
        {
            foreach (var fault in new[] { Fault.Throws, Fault.LosesItsAnswer, Fault.Hangs, Fault.HangsAfterwards })
            {
                var run = await _host.RunAsync(row, fault, isStop: true, _host.SpinUpAsync);

                // What only this row does.
                var notDone = run.WasDone ? "" : rows[row].Name;
                Check(run, fault, () =>
                {
                    Assert.Equal((true, ExitCodes.Ended, ShutdownReason.Request), (run.IsReady, run.ExitCode, run.Reason));

                    // A row of the drain that failed is tried once more.
                    Assert.Equal(rows.Select(step => step.Name).Reverse().Distinct(), run.Undone.Distinct());
                    Assert.True(run.DyingHeartbeats > 0, "there was no dying heartbeat");
                    Assert.Equal(notDone != "turn the machine off", run.IsTurnedOff);
                    Assert.Equal(notDone == "remove the host's row" ? "DRAINING" : null, _host.Database.HostStatus);
                    if (notDone != "end the mandelboxes")
                    {
                        Assert.Equal(1, run.Saved);
                        _host.AssertNothingIsHeld(run);
                    }
                });
                await _host.ClearAsync();
            }
        }
    }

    [Fact]
    public async Task A_host_that_is_not_wanted_waits_for_the_users_of_the_mandelboxes_that_it_took_over()
    {
        await _host.HandOverAsync();
        _host.Database.HostStatus = "DRAINING";

        var run = await _host.RunAsync(whenDraining: () =>
        {
            Assert.True(Assert.Single(_host.Engine.Containers).Running, "it was ended");
            _host.Engine.Die(_host.Engine.Containers[0].Id, exitCode: 0);
        });

        Assert.Equal((ExitCodes.Ended, ShutdownReason.NotWanted, 1), (run.ExitCode, run.Reason, run.Saved));
        Assert.True(run.DyingHeartbeats > 0);
        Assert.Null(_host.Database.HostStatus);
        _host.AssertNothingIsHeld(run);
    }

    [Fact]
    public async Task A_loop_that_fails_drains_the_host_which_says_why_and_cuts_no_user_off()
    {
        var run = await _host.RunAsync(
            whenReady: async host =>
            {
                await _host.SpinUpAsync(host);
                ((HostRun)host.Get<IWebserver>()).FailLoop();
                Assert.Contains("WebserverHeartbeat failed: a fault of ours", (await host.Shutdown.Requested).Detail, StringComparison.Ordinal);
            },
            whenDraining: () =>
            {
                Assert.True(Assert.Single(_host.Engine.Containers).Running, "it was ended");
                _host.Engine.Die(_host.Engine.Containers[0].Id, exitCode: 0);
            });

        Assert.Equal((ExitCodes.Failed, ShutdownReason.Crash, 1), (run.ExitCode, run.Reason, run.Saved));
        Assert.True(run.DyingHeartbeats > 0);
        _host.AssertNothingIsHeld(run);
    }

    private static void AssertStartFailed(HostRun run, int row, Fault fault)
    {
        var expected = fault switch
        {
            Fault.Refuses => (ExitCodes.Refused, ShutdownReason.StartFailed),
            Fault.IsStopped or Fault.IsStoppedAfterwards => (ExitCodes.Ended, ShutdownReason.Request),
            _ => (ExitCodes.Failed, ShutdownReason.StartFailed),
        };
        Assert.Equal(expected, (run.ExitCode, run.Reason));
        Assert.Equal(FaultyHost.UndoneFrom(row), run.Undone);

        // The last row says that the host is ready.
        Assert.Equal(run.WasDone && row == StartRows - 1, run.IsReady);
    }

    private static void Check(HostRun run, Fault fault, Action assert)
    {
        try
        {
            assert();
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException($"{run.Row} ({fault}): {exception.Message}", exception);
        }
    }
}
