using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Docker;
using Microsoft.Extensions.Hosting;

namespace HostService.Grains.Host;

/// <summary>
/// Keeps mandelboxes waiting for users: starts them one after the other, a moment after the last spin-up, and ends those that are too old,
/// unhealthy, or made from an image that has been replaced. <see cref="HostGrain"/> says which there are, and hands them over.
/// </summary>
public sealed partial class WarmPoolKeeper(
    IContainerEngine engine,
    IGrainFactory grains,
    HostInfoSource hostInfo,
    IOptions<WarmPoolOptions> warmPool,
    IOptions<DockerOptions> docker,
    IOptions<MandelboxOptions> options,
    TimeProvider timeProvider,
    ILogger<WarmPoolKeeper> logger) : BackgroundService, IMandelboxWatcher
{
    /// <summary>
    /// Between a spin-up and the start of a mandelbox that waits: the next spin-up often follows at once, and would be slowed down. Network
    /// sandboxes, which start faster, come first.
    /// </summary>
    public static readonly TimeSpan Pause = 5 * SandboxKeeper.Pause;

    private TaskCompletionSource _due = NewSignal();
    private TimeSpan _retryAfter = options.Value.RetryAfter;
    private long? _checkedAt;

    private IHostGrain Host => grains.GetGrain<IHostGrain>(HostKeys.Host(hostInfo.Current.Identity.InstanceName));

    /// <summary>A spin-up may have taken one that waited, or one has ended.</summary>
    public void Moved(MandelboxDescription mandelbox)
    {
        if (mandelbox.State is MandelboxState.Running or MandelboxState.Dying or MandelboxState.Gone)
        {
            Wake();
        }
    }

    /// <summary>There may be something to start or to end.</summary>
    public void Wake() => _due.TrySetResult();

    /// <summary>Ends those that wait, also one that is being started, and waits until they have gone. The loop does not run.</summary>
    public async Task EndAllAsync(CancellationToken cancellationToken)
    {
        while ((await ListAsync()) is { Count: > 0 } left)
        {
            await Task.WhenAll(left.Select(m => EndAsync(m, "the host takes no more spin-ups"))).WaitAsync(cancellationToken);
            if ((await ListAsync()).Count > 0)
            {
                // What failed is retried by the mandelbox.
                await Task.Delay(options.Value.RetryAfter, timeProvider, cancellationToken);
            }
        }
    }

    /// <summary>Until it is cancelled: fills the pool, and again when something has happened.</summary>
    public async Task RunAsync(CancellationToken stoppingToken)
    {
        if (warmPool.Value.Size == 0)
        {
            return;
        }

        await using var end = stoppingToken.Register(Wake);
        while (!stoppingToken.IsCancellationRequested)
        {
            var due = _due = NewSignal();
            var isDone = await TryFillAsync(stoppingToken);
            using var next = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            var pause = isDone ? warmPool.Value.CheckInterval : _retryAfter;
            var pauseEnds = Task.Delay(pause, timeProvider, next.Token);

            // After a failure nothing shortens the pause.
            await (isDone ? Task.WhenAny(due.Task, pauseEnds) : Task.WhenAny(pauseEnds));
            await next.CancelAsync();
            await Task.Delay(Pause, timeProvider, stoppingToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            _retryAfter = isDone ? options.Value.RetryAfter : Backoff.Next(_retryAfter, options.Value.RetryAtMost);
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => RunAsync(stoppingToken);

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <returns>Whether nothing is to be done until something happens.</returns>
    private async Task<bool> TryFillAsync(CancellationToken cancellationToken)
    {
        try
        {
            foreach (var (mandelbox, reason) in await FindUnwantedAsync(cancellationToken))
            {
                await EndAsync(mandelbox, reason).WaitAsync(cancellationToken);
            }

            // One app that does not start must not keep the others from it.
            var areAllStarted = true;
            foreach (var (app, size) in warmPool.Value.Apps)
            {
                while ((await ListAsync()).Count(m => m.AppName == app) < size && await Host.MayStartWaiting())
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    var mandelbox = grains.GetGrain<IMandelboxGrain>(MandelboxIds.NewWaiting());
                    if (await mandelbox.StartWaiting(app).WaitAsync(cancellationToken) is { } failure)
                    {
                        LogNotStarted(app, failure.Phase, failure.Reason);
                        areAllStarted = false;
                        break;
                    }
                }
            }

            return areAllStarted;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return true;
        }
        catch (Exception exception)
        {
            // The engine's fault, or a call was lost. Users' mandelboxes start cold meanwhile.
            LogFailed(exception.Message, exception);
            return false;
        }
    }

    private async Task<IReadOnlyList<MandelboxDescription>> ListAsync() =>
        [.. (await Host.ListMandelboxes()).Where(m => MandelboxIds.IsWaiting(m.MandelboxId))];

    private async Task<IReadOnlyList<(MandelboxDescription Mandelbox, string Reason)>> FindUnwantedAsync(
        CancellationToken cancellationToken)
    {
        var (unwanted, isDue) = (new List<(MandelboxDescription, string)>(), IsCheckDue());
        var unhealthy = isDue ? (await Host.Describe()).Gpus.Where(gpu => gpu.Unhealthy is not null).Select(gpu => gpu.Index).ToList() : [];
        foreach (var mandelbox in (await ListAsync()).Where(m => m.State == MandelboxState.Waiting))
        {
            if (timeProvider.GetUtcNow() - mandelbox.Since >= warmPool.Value.MaxAge)
            {
                unwanted.Add((mandelbox, "it has waited for too long"));
            }
            else if (mandelbox.Lease is { } lease && unhealthy.Contains(lease.GpuIndex))
            {
                unwanted.Add((mandelbox, $"GPU {lease.GpuIndex} is unhealthy"));
            }
            else if (isDue && await FaultOfAsync(mandelbox, cancellationToken) is { } fault)
            {
                unwanted.Add((mandelbox, fault));
            }
        }

        return unwanted;
    }

    private bool IsCheckDue()
    {
        if (_checkedAt is { } last && timeProvider.GetElapsedTime(last) < warmPool.Value.CheckInterval)
        {
            return false;
        }

        _checkedAt = timeProvider.GetTimestamp();
        return true;
    }

    /// <summary>A container that has ended is reported by the engine.</summary>
    private async Task<string?> FaultOfAsync(MandelboxDescription mandelbox, CancellationToken cancellationToken)
    {
        var container = await engine.InspectAsync(mandelbox.ContainerId!, cancellationToken);
        if (container is { Unhealthy: true })
        {
            return "its health check has failed";
        }

        var image = await FindImageAsync(mandelbox.AppName!, cancellationToken);
        return container is not null && image is not null && container.ImageId != image ? "its image has been replaced" : null;
    }

    private async Task<string?> FindImageAsync(string app, CancellationToken cancellationToken) =>
        await MandelboxImage.FindAsync(engine, hostInfo.Current.Environment, docker.Value.ImageTemplate, app, cancellationToken) is { } tag
            ? await engine.FindImageIdAsync(tag, cancellationToken)
            : null;

    private Task<bool> EndAsync(MandelboxDescription mandelbox, string reason) =>
        grains.GetGrain<IMandelboxGrain>(mandelbox.MandelboxId).EndWaiting(reason);

    [LoggerMessage(LogLevel.Warning, "No mandelbox of {App} waits for users: {Step}: {Reason}")]
    private partial void LogNotStarted(string app, string step, string reason);

    [LoggerMessage(LogLevel.Warning, "Mandelboxes that wait for users could not be started or ended, which is tried again: {Reason}")]
    private partial void LogFailed(string reason, Exception exception);
}
