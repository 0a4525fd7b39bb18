using System.Net;
using HostService.GrainInterfaces;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure;
using HostService.Infrastructure.Backend.Webserver;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Gpu;
using HostService.Silo.Background;
using HostService.Tests.Support;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Cluster.Alerts;

/// <summary>The fault of each alert.</summary>
internal static class AlertFaults
{
    public static IReadOnlyDictionary<string, AlertFault> All { get; } = new Dictionary<string, AlertFault>
    {
        ["HostServiceDown"] = new(run => run.Service.Get<IServer>().StopAsync(CancellationToken.None)),
        ["HostServiceGrainSilent"] = new(HangOnATurn) { Settings = [("Gateway__ProbeTimeout", "00:00:01")] },
        ["HostServiceRestarts"] = new(_ => { }) { Crashes = 3 },
        ["HostServiceNotReady"] = new(LoseTheEngine),
        ["HostServiceLeaks"] = new(LoseARowAsync) { Settings = [("Consistency__CheckInterval", "00:00:00.1")] },
        ["HostServiceSpinUpsFailInARow"] = new(run => FailSpinUpsAsync(run, 3)),
        ["HostServiceSpinUpsFail"] = new(run => FailSpinUpsAsync(run, 4)),
        ["HostServiceSpinUpsSlow"] = new(run => SlowSpinUpsAsync(run, 2)),
        ["HostServiceQueueFull"] = new(QueueAsync)
        {
            Settings = [("Host__CpuOnlySlots", "1"), ("Queue__Capacity", "1"), ("Queue__Timeout", "00:00:15")],
        },
        ["HostServicePoolEmpty"] = new(EmptyThePool)
        {
            Settings = [("Docker__SandboxPool", "1")],
            Replace = (run, _) => run.Engine.Images.Add(FakeContainerEngine.SandboxImage),
        },
        ["HostServiceDiskNearlyFull"] = new(run => run.Figures.Change = figures => figures with { DiskUsedPercent = 91 }),
        ["HostServiceMemoryShort"] = new(run => run.Figures.Change = figures => figures with { AvailableMemoryKb = 700_000 }),
        ["HostServiceFiguresOld"] = new(HangTheReadingAsync),
        ["HostServiceGpuOut"] = new(run => run.Gpus.Xids = [79]) { Replace = WithGpu },
        ["HostServiceGpuReload"] = new(ReloadAsync) { Replace = WithGpu },
        ["HostServiceHeartbeatOld"] = new(run => run.Webserver.SinceAccepted = TimeSpan.FromSeconds(131)),
        ["HostServiceEngineReconnects"] = new(run => BreakStreamsAsync(run, 4)),
        ["HostServiceBackendCallsFail"] = new(run => BeatAsync(run, 5))
        {
            Settings = [("Webserver__Url", "http://127.0.0.1:1")],
            Replace = (_, services) => services.AddWebserver(provider => provider.GetRequiredService<MetricsCache>().WebserverFacts()),
        },
        ["HostServiceUndoFails"] = new(run => FailUndosAsync(run, 12)),
        ["HostServiceOutOfMemoryEnds"] = new(run => RunOutOfMemoryAsync(run, 4)),
        ["HostServiceRefusedTransition"] = new(MoveAsForbiddenAsync),
        ["HostServiceErrorsLogged"] = new(run => run.Gpus.Failure = new InvalidOperationException("the driver fails"))
        {
            Settings = [("Logging__Counter__LogLevel__Default", "Warning")],
            Replace = WithGpu,
        },
        ["HostServiceCredentialsRefused"] = new(run => GuessAsync(run, 101)) { Settings = [("Auth__UnlimitedNetworks", "127.0.0.1")] },
        ["HostServiceCallersRefused"] = new(run => FloodAsync(run, 101))
        {
            Settings = [("Gateway__MaxRequests", "1"), ("Gateway__MaxRequestsPerAddress", "1")],
        },
    };

    /// <summary>With an engine that leaves cgroups to systemd.</summary>
    private static void WithGpu(AlertRun run, IServiceCollection services)
    {
        run.Engine.Info = new EngineInfo("20.10.24", "1.41", ["runc", "nvidia"], []) { CgroupDriver = "systemd" };
        services.AddSingleton<IGpuInventory>(run.Gpus);

        // The rest of the machine is not the test's to manage.
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<DaemonReloadMonitor>(
            provider, Options.Create(new HostOptions { ManageSystem = true })));
    }

    /// <summary>To give a lease, the host's grain asks the kernel which ports are free.</summary>
    private static void HangOnATurn(AlertRun run)
    {
        run.Ports.Hang();
        run.Mend = run.Ports.GoOn;
        _ = run.SpinUpAsync("hangs");
    }

    private static void LoseTheEngine(AlertRun run)
    {
        run.Mend = run.Engine.Hold(EngineCall.Ping).Dispose;
        run.Engine.BreakStreams();
    }

    private static async Task LoseARowAsync(AlertRun run)
    {
        await run.SpinUpAsync("user");
        run.Host.Database.Rows.Clear();
    }

    private static async Task FailSpinUpsAsync(AlertRun run, int times)
    {
        Assert.Null((await run.SpinUpAsync("user")).Failure);
        run.Engine.FailNext(EngineCall.Create, times: times);
        for (var i = 0; i < times; i++)
        {
            Assert.NotNull((await run.SpinUpAsync($"fails-{i}")).Failure);
            await run.ScrapeAsync();
        }
    }

    private static async Task SlowSpinUpsAsync(AlertRun run, int times)
    {
        for (var i = 0; i < times; i++)
        {
            run.Engine.BeforeAnswerOf(EngineCall.Create, () =>
            {
                run.Clock.PutForward(TimeSpan.FromSeconds(15));
                return Task.CompletedTask;
            });
            Assert.Null((await run.SpinUpAsync($"slow-{i}")).Failure);
            await run.ScrapeAsync();
        }
    }

    private static async Task QueueAsync(AlertRun run)
    {
        await run.SpinUpAsync("user");
        _ = run.SpinUpAsync("waits");
    }

    private static void EmptyThePool(AlertRun run)
    {
        run.Engine.Images.Remove(FakeContainerEngine.SandboxImage);
        run.Engine.Die(Assert.Single(run.Engine.Containers).Id);
    }

    private static async Task HangTheReadingAsync(AlertRun run)
    {
        var (hangs, end) = (new TaskCompletionSource(), new TaskCompletionSource());
        run.Mend = end.SetResult;
        run.Figures.Change = figures =>
        {
            hangs.TrySetResult();
            end.Task.Wait();
            return figures;
        };
        await hangs.Task;
        run.Clock.PutForward(TimeSpan.FromSeconds(200));
    }

    private static async Task ReloadAsync(AlertRun run)
    {
        Assert.Null((await run.SpinUpAsync("user")).Failure);
        var loads = 2;
        run.Systemd.UnitsLoadedAt = () => loads++;
    }

    private static async Task BreakStreamsAsync(AlertRun run, int times)
    {
        for (var i = 0; i < times; i++)
        {
            await run.Engine.Until(engine => engine.Watchers == 1);
            run.Engine.BreakStreams();
        }
    }

    /// <summary>Each begins with a heartbeat at once.</summary>
    private static async Task BeatAsync(AlertRun run, int times)
    {
        for (var i = 0; i < times; i++)
        {
            using var end = new CancellationTokenSource();
            var loop = run.Service.Get<IWebserver>().RunAsync(end.Token);
            await run.ScrapeMoreAsync("host_service_backend_call_duration_seconds_count");
            await end.CancelAsync();
            await loop;
        }
    }

    private static async Task FailUndosAsync(AlertRun run, int times)
    {
        for (var i = 0; i < times; i++)
        {
            await run.SpinUpAsync("user");
            run.Engine.FailNext(EngineCall.Remove);
            await run.Mandelbox("user").Stop("a test ends it");
            await run.ScrapeAsync();
        }
    }

    private static async Task RunOutOfMemoryAsync(AlertRun run, int times)
    {
        for (var i = 0; i < times; i++)
        {
            await run.SpinUpAsync($"user-{i}");
            run.Engine.Die(Assert.Single(run.Engine.Containers).Id, outOfMemory: true);
            await run.Engine.Until(engine => engine.Containers.Count == 0);
        }
    }

    /// <summary>A defect of the service.</summary>
    private static async Task MoveAsForbiddenAsync(AlertRun run)
    {
        var state = new MandelboxStateMachine("defect", TimeProvider.System, NullLogger.Instance);
        await Assert.ThrowsAsync<InvalidOperationException>(() => state.MoveToAsync(MandelboxState.Gone));
    }

    private static async Task GuessAsync(AlertRun run, int times)
    {
        for (var i = 0; i < times; i++)
        {
            using var guess = new StringContent("""{"auth_secret":"a guess"}""");
            using var answer = await run.Http.PostAsync("/drain_and_shutdown", guess);
        }
    }

    /// <summary>One request takes all that there is.</summary>
    private static async Task FloodAsync(AlertRun run, int times)
    {
        using var follow = new HttpRequestMessage(HttpMethod.Get, "/v1/events") { Headers = { Accept = { new("text/event-stream") } } };
        using var watching = await run.Http.SendAsync(follow, HttpCompletionOption.ResponseHeadersRead);
        for (var i = 0; i < times; i++)
        {
            using var refused = await run.Http.GetAsync("/healthz");
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        }
    }
}
