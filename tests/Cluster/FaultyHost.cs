using System.Runtime.ExceptionServices;
using HostService.GrainInterfaces;
using HostService.Grains.Lifecycle;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Backend.Rows;
using HostService.Infrastructure.Backend.Webserver;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Input;
using HostService.Infrastructure.Linux.Network;
using HostService.Infrastructure.Linux.Power;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Silo.Hosting;
using HostService.Silo.Lifecycle;
using HostService.Tests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Cluster;

/// <summary>
/// Runs of the whole service in this process, one after another, by the real table: its rows are the real ones, one of which fails as
/// planned. Grains, silo, HTTPS server and files are real; the rest of the machine is fake.
/// </summary>
internal sealed class FaultyHost : IAsyncDisposable
{
    public const string User = "user";

    private readonly ScratchDirectory _directory = new();
    private readonly ServiceSettings _settings;
    private readonly FakeUserConfigs _userConfigs = new();

    public FaultyHost(params (string Key, string Value)[] settings) => _settings = ServiceSettings.Local(new Uri($"unix://{_directory["engine.sock"]}"), _directory).With(
        ("APP_ENV", "LOCALDEVWITHDB"),
        ("Database__ConnectionString", "Host=nowhere"),
        ("Host__OnLeftovers", "reattach"),
        ("Dashboard__Enabled", "false"),
        ("Logging__LogLevel__Default", "None"),
        ("Logging__LogLevel__Orleans", "None"),
        ("Logging__LogLevel__Polly", "None")).With(settings);

    public FakeContainerEngine Engine { get; } = new();

    public FakeDatabase Database { get; private set; } = new();

    /// <summary>Replaces or adds services, also some of the fakes.</summary>
    public Action<IServiceCollection> Replace { get; init; } = _ => { };

    /// <summary>The rows of the start, or those of the shutdown, as the table lists them.</summary>
    public static IReadOnlyList<HostStep> Rows(bool isStop) =>
        [.. Table().SelectMany(stage => stage.Steps).Cast<HostStep>().Where(step => step.IsStop == isStop)];

    /// <summary>The rows of the shutdown that are due when this one of the start has begun, in their order.</summary>
    public static IReadOnlyList<string> UndoneFrom(int row)
    {
        var last = Rows(isStop: false)[row].Name;
        var begun = Table().TakeWhile(stage => stage.Steps.All(step => step.Name != last)).Count() + 1;
        return [.. Table().Take(begun).SelectMany(stage => stage.Steps).Cast<HostStep>().Where(step => step.IsStop).Reverse().Select(s => s.Name)];
    }

    public string UserConfigsOf(string id) => new MandelboxPaths(_settings.Root, id).UserConfigs;

    /// <summary>One run.</summary>
    /// <param name="row">The number of the row that fails, among those of the start or of the shutdown; null for none.</param>
    /// <param name="isStop">Whether it is a row of the shutdown.</param>
    /// <param name="whenReady">What happens once the service is ready; then it is told to stop, unless it ends already.</param>
    /// <param name="whenDraining">What happens while it waits for its mandelboxes.</param>
    public async Task<HostRun> RunAsync(
        int? row = null,
        Fault fault = default,
        bool isStop = false,
        Func<HostContext, Task>? whenReady = null,
        Action? whenDraining = null)
    {
        if (Database.HostStatus is null)
        {
            // The webserver makes a row for each start.
            Database = new FakeDatabase();
        }

        var shutdown = new ShutdownSignal(TimeProvider.System);
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(_settings.Environment.Select(s => KeyValuePair.Create(s.Key.Replace("__", ":"), (string?)s.Value)))
            .Build();
        var run = new HostRun();
        var context = new HostContext(configuration, new ShutdownOptions(), shutdown) { Power = run, IsEc2 = false };
        var (starts, stops, saved) = (0, 0, _userConfigs.Saved.Count);
        ExceptionDispatchInfo? failure = null;
        List<Stage<HostContext>> stages =
        [
            .. Table().Select(stage => new Stage<HostContext>(
                [.. stage.Steps.Cast<HostStep>().Select(step => Wrap(step, step.IsStop ? stops++ : starts++))])),
            new(new HostStep("be ready", WhenReadyAsync, IsStop: false)),
        ];
        try
        {
            // A mandelbox that is left holds up the silo until its row's timeout, and further rows until theirs.
            run.ExitCode = await ServiceRun.RunAsync(context, stages).WaitAsync(TimeSpan.FromMinutes(3));
        }
        catch (TimeoutException exception)
        {
            throw new TimeoutException($"{run.Row} ({fault}) did not end; the last row was {run.Undone.LastOrDefault()}", exception);
        }

        (run.Reason, run.HasTakenOver, run.IsIdentified) = (shutdown.Decisive!.Reason, context.HasTakenOver, context.Identity is not null);
        run.Saved = _userConfigs.Saved.Count - saved;

        // A process ends here, whatever its last rows did.
        await context.DisposeApplicationAsync();
        await Engine.Until(engine => engine.Watchers == 0);
        failure?.Throw();
        return run;

        HostStep Wrap(HostStep step, int number)
        {
            var real = step.Name == "build the application" ? Build(run, shutdown) : step.Action;
            var isFaulty = number == row && step.IsStop == isStop;
            run.Row = isFaulty ? step.Name : run.Row;
            return step with
            {
                UndoTimeout = isFaulty && fault is Fault.Hangs or Fault.HangsAfterwards ? TimeSpan.FromMilliseconds(50) : step.UndoTimeout,
                Action = async (host, token) =>
                {
                    if (step.IsStop)
                    {
                        run.Undone.Add(step.Name);
                    }

                    if (isFaulty)
                    {
                        await FailAsync(real, host, token);
                    }
                    else if (step.Name == "wait for the mandelboxes to end" && whenDraining is not null)
                    {
                        var wait = real(host, token);
                        whenDraining();
                        await wait;
                    }
                    else
                    {
                        await real(host, token);
                    }
                },
            };
        }

        async Task FailAsync(Func<HostContext, CancellationToken, Task> real, HostContext host, CancellationToken token)
        {
            if (fault is Fault.LosesItsAnswer or Fault.HangsAfterwards or Fault.IsStoppedAfterwards)
            {
                await real(host, token);
                run.WasDone = true;
            }

            switch (fault)
            {
                case Fault.Refuses:
                    throw new StartRefusedException(ExitCodes.Refused, "it refuses");
                case Fault.IsStopped or Fault.IsStoppedAfterwards:
                    shutdown.Request("a test stops it", force: true);
                    await new TaskCompletionSource().Task.WaitAsync(token);
                    break;
                case Fault.Hangs or Fault.HangsAfterwards:
                    await new TaskCompletionSource().Task.WaitAsync(token);
                    break;
                default:
                    throw new InvalidOperationException("it throws");
            }
        }

        async Task WhenReadyAsync(HostContext host, CancellationToken token)
        {
            if (whenReady is not null)
            {
                try
                {
                    await whenReady(host);
                }
                catch (Exception e)
                {
                    // The service would only tell that it failed.
                    failure = ExceptionDispatchInfo.Capture(e);
                    throw;
                }
            }

            if (!shutdown.Requested.IsCompleted)
            {
                shutdown.Request("a test stops it", force: true);
            }
        }
    }

    /// <summary>A run with a user.</summary>
    public async Task SpinUpAsync(HostContext host)
    {
        var answer = await host.Get<IGrainFactory>().GetGrain<IMandelboxGrain>(User).SpinUp(HostCluster.Request());
        Assert.Null(answer.Failure);
    }

    /// <summary>A run that leaves its mandelbox to the next one.</summary>
    public async Task HandOverAsync()
    {
        var run = await RunAsync(whenReady: async host =>
        {
            await SpinUpAsync(host);
            host.Shutdown.Restart();
        });
        Assert.Equal(ExitCodes.Restart, run.ExitCode);
        Assert.True(Assert.Single(Engine.Containers).Running);
    }

    /// <summary>Nothing of a run is left but the root of the cloud drives, which is never removed.</summary>
    public void AssertNothingIsHeld(HostRun run)
    {
        Assert.Empty(Engine.Containers);
        Assert.Equal(0, run.Input.Open);
        Assert.Empty(Database.Rows);
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(_directory.Path, "*", SearchOption.AllDirectories), IsHeld);
    }

    /// <summary>Removes what a run left that could not end its mandelboxes.</summary>
    public async Task ClearAsync()
    {
        foreach (var left in Engine.Containers)
        {
            await Engine.RemoveAsync(left.Id, CancellationToken.None);
        }

        foreach (var path in new[] { _settings.Root, _settings.PrivateRoot, _settings.Records }.Where(Directory.Exists))
        {
            Directory.Delete(path, recursive: true);
        }

        Database.Rows.Clear();
        Database.HostStatus = null;
    }

    public ValueTask DisposeAsync()
    {
        _directory.Dispose();
        return ValueTask.CompletedTask;
    }

    private static IReadOnlyList<Stage<HostContext>> Table() => HostLifecycle.Stages(new ShutdownOptions());

    private bool IsHeld(string path) => path != _settings.CloudStorageRoot && path != _settings.Environment["Host__RuntimeRoot"]
        && path != _settings.EndedFile;

    private Func<HostContext, CancellationToken, Task> Build(HostRun run, ShutdownSignal shutdown) => (host, token) => Task.Run(
        () => host.Use(ServiceHost.Build(host.Configuration, shutdown, services =>
        {
            services.AddSingleton<IContainerEngine>(Engine);
            services.AddSingleton<IPortProbe>(new FakePortProbe());
            services.AddSingleton<IInputDevices>(run.Input);
            services.AddSingleton<IBackendDatabase>(Database);
            services.AddSingleton<IUserConfigStore>(_userConfigs);
            services.AddSingleton<ICloudStorage>(new FakeCloudStorage());
            services.AddSingleton<IWebserver>(run);
            services.AddSingleton<ISystemd>(run.Systemd);
            Replace(services);
        })),
        token);
}

/// <summary>What one run did, and what it told the rest of the world.</summary>
internal sealed class HostRun : IPower, IWebserver
{
    private readonly TaskCompletionSource _loop = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public FakeSystemd Systemd { get; } = new();

    public FakeInputDevices Input { get; } = new();

    /// <summary>The row that failed.</summary>
    public string Row { get; set; } = "none";

    /// <summary>Whether the row that failed did its work nevertheless.</summary>
    public bool WasDone { get; set; }

    public int ExitCode { get; set; }

    public ShutdownReason Reason { get; set; }

    /// <summary>The rows of the shutdown that were tried, in order.</summary>
    public List<string> Undone { get; } = [];

    public bool HasTakenOver { get; set; }

    public bool IsIdentified { get; set; }

    public bool IsReady => Systemd.Notifications.Contains("READY=1");

    public bool IsTurnedOff { get; private set; }

    public int DyingHeartbeats { get; private set; }

    /// <summary>How many mandelboxes' user configs were saved.</summary>
    public int Saved { get; set; }

    public Task ShutDownAsync(CancellationToken cancellationToken)
    {
        IsTurnedOff = true;
        return Task.CompletedTask;
    }

    /// <summary>Makes the loop of the webserver's heartbeat fail.</summary>
    public void FailLoop() => _loop.SetException(new InvalidOperationException("a fault of ours"));

    public TimeSpan? SinceAccepted { get; set; }

    public Task RunAsync(CancellationToken cancellationToken) => _loop.Task.WaitAsync(cancellationToken);

    public Task SendDyingHeartbeatAsync(CancellationToken cancellationToken)
    {
        DyingHeartbeats++;
        return Task.CompletedTask;
    }
}
