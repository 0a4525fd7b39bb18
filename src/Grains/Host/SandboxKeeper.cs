using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Docker;
using Microsoft.Extensions.Hosting;

namespace HostService.Grains.Host;

/// <summary>
/// Keeps network sandboxes ready: starts their containers a moment after the last spin-up, and removes those that are spent.
/// <see cref="HostGrain"/> knows which there are; the engine's list is compared with it.
/// </summary>
public sealed partial class SandboxKeeper(
    IContainerEngine engine,
    IGrainFactory grains,
    HostInfoSource hostInfo,
    IOptions<DockerOptions> docker,
    IOptions<MandelboxOptions> options,
    TimeProvider timeProvider,
    ILogger<SandboxKeeper> logger) : BackgroundService, IMandelboxWatcher
{
    /// <summary>Between a spin-up and the start of a sandbox: the next spin-up often follows at once, and would be slowed down.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private TaskCompletionSource _due = NewSignal();

    /// <summary>
    /// Before the next try. It grows until a mandelbox comes or goes: with an image that ends at once, each try looks like a success.
    /// </summary>
    private TimeSpan _retryAfter = options.Value.RetryAfter;
    private string? _image;
    private bool _isImageMissing;

    private ContainerOwner Owner => hostInfo.Current.Owner;

    private HostEnvironment Environment => hostInfo.Current.Environment;

    private IHostGrain Host => grains.GetGrain<IHostGrain>(HostKeys.Host(Owner.InstanceName));

    /// <summary>A spin-up that ended may have taken a sandbox, and a mandelbox that has gone leaves one.</summary>
    public void Moved(MandelboxDescription mandelbox)
    {
        if (mandelbox.State is MandelboxState.Waiting or MandelboxState.Running or MandelboxState.Dying or MandelboxState.Gone)
        {
            _retryAfter = options.Value.RetryAfter;
            Wake();
        }
    }

    /// <summary>The engine reports that a sandbox has ended.</summary>
    public async Task OnEndedAsync(string sandbox)
    {
        if (await Host.SandboxEnded(sandbox) is { } mandelbox)
        {
            await grains.GetGrain<IMandelboxGrain>(mandelbox).SandboxEnded(sandbox);
        }

        Wake();
    }

    /// <summary>Removes containers of sandboxes that nobody knows, and reports the end of those that do not run.</summary>
    public async Task ReconcileAsync(CancellationToken cancellationToken)
    {
        var listed = await ListAsync(cancellationToken);

        // After the engine's list: what is on that list belongs to a sandbox that is known by now, if to any.
        var known = await Host.ListSandboxes();
        foreach (var stray in await WithoutUserAsync(listed.Keys.Except(known.Select(sandbox => sandbox.Name)), cancellationToken))
        {
            LogStray(stray);
            await engine.RemoveAsync(stray, cancellationToken);
        }

        foreach (var sandbox in known.Where(s => s.State is SandboxState.Ready or SandboxState.Used && !listed.GetValueOrDefault(s.Name)))
        {
            if (await engine.InspectAsync(sandbox.Name, cancellationToken) is not { Running: true })
            {
                await OnEndedAsync(sandbox.Name);
            }
        }

        Wake();
    }

    /// <summary>The sandboxes of earlier runs that no container has joined.</summary>
    /// <param name="ignored">Ids of containers that are to be removed as well: their sandboxes are listed.</param>
    public async Task<IReadOnlyList<string>> ListLeftAsync(IReadOnlySet<string> ignored, CancellationToken cancellationToken) =>
        await WithoutUserAsync((await ListAsync(cancellationToken)).Keys, cancellationToken, ignored);

    /// <summary>Removes the sandboxes of earlier runs that no container has joined.</summary>
    public async Task RemoveLeftAsync(CancellationToken cancellationToken) => await Task.WhenAll(
        (await ListLeftAsync(new HashSet<string>(), cancellationToken)).Select(name => engine.RemoveAsync(name, cancellationToken)));

    /// <summary>Removes every sandbox that no mandelbox uses, and tries again what fails. The host begins no more by then.</summary>
    public async Task RemoveAllAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                var known = (await Host.ListSandboxes()).ToLookup(sandbox => sandbox.State == SandboxState.Used, sandbox => sandbox.Name);
                if (known.Count == 0 && docker.Value.SandboxesIn(Environment) == 0)
                {
                    return;
                }

                // Also one whose creation was answered too late.
                var listed = await WithoutUserAsync((await ListAsync(cancellationToken)).Keys, cancellationToken);
                await Task.WhenAll(known[false].Union(listed.Except(known[true])).Select(async name =>
                {
                    await Host.SandboxEnded(name);
                    await RemoveAsync(name, cancellationToken);
                }));
                return;
            }
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
            {
                // The engine's fault, or a call to the host was lost.
                LogFailed(exception.Message, exception);
                await Task.Delay(options.Value.RetryAfter, timeProvider, cancellationToken);
            }
        }
    }

    /// <summary>Until it is cancelled: fills the pool, and again when something has happened.</summary>
    public async Task RunAsync(CancellationToken stoppingToken)
    {
        await using var end = stoppingToken.Register(Wake);
        var isDone = true;
        while (true)
        {
            var due = _due = NewSignal();
            isDone = await TryFillAsync(afterFailure: !isDone, stoppingToken);
            if (stoppingToken.IsCancellationRequested)
            {
                return;
            }

            if (isDone)
            {
                await due.Task;
            }

            await Task.Delay(isDone ? Pause : _retryAfter, timeProvider, stoppingToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            _retryAfter = isDone ? _retryAfter : Backoff.Next(_retryAfter, options.Value.RetryAtMost);
        }
    }

    /// <summary>There may be something to start or to remove.</summary>
    public void Wake() => _due.TrySetResult();

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => RunAsync(stoppingToken);

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="afterFailure">Whether the last try failed, and there was a pause since.</param>
    /// <returns>Whether nothing is to be done until something happens.</returns>
    private async Task<bool> TryFillAsync(bool afterFailure, CancellationToken cancellationToken)
    {
        try
        {
            // None is being started now: what is listed so did not start, or the host's answer was lost.
            var over = (await Host.ListSandboxes()).Where(s => s.State is not (SandboxState.Ready or SandboxState.Used)).ToList();
            foreach (var sandbox in over)
            {
                await Host.SandboxEnded(sandbox.Name);
                await RemoveAsync(sandbox.Name, cancellationToken);
            }

            if (!afterFailure && over.Any(sandbox => sandbox.State != SandboxState.Spent))
            {
                // The next ones may end as well.
                return false;
            }

            var size = docker.Value.SandboxesIn(Environment);
            if (size == 0)
            {
                return true;
            }

            // Not until the pool is full: those of an image that ends at once would never fill it.
            _image ??= await FindImageAsync(cancellationToken);
            for (var i = 0; i < size && _image is not null && !cancellationToken.IsCancellationRequested; i++)
            {
                if (await Host.BeginSandbox() is not { } sandbox)
                {
                    break;
                }

                if (!await StartAsync(sandbox, _image, cancellationToken))
                {
                    return false;
                }
            }

            return _image is not null;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return true;
        }
        catch (Exception exception)
        {
            // The engine's fault, or a call to the host was lost. Mandelboxes publish their ports themselves meanwhile.
            LogFailed(exception.Message, exception);
            return false;
        }
    }

    private async Task<string?> FindImageAsync(CancellationToken cancellationToken)
    {
        if (Environment.IsDeployed)
        {
            return ContainerNames.Image(docker.Value.ImageTemplate, Environment.Name, ContainerNames.SandboxApp);
        }

        var image = await engine.FindImageAsync(ContainerNames.LocalImagePatterns(ContainerNames.SandboxApp), cancellationToken);
        if (image is null)
        {
            SayImageIsMissing();
        }

        return image;
    }

    private void SayImageIsMissing()
    {
        if (!_isImageMissing)
        {
            LogNoImage(ContainerNames.SandboxApp);
        }

        (_image, _isImageMissing) = (null, true);
    }

    /// <summary>Not cancelled half-way: a container whose creation was not awaited could appear after the pool is cleared.</summary>
    private async Task<bool> StartAsync(NetworkSandbox sandbox, string image, CancellationToken cancellationToken)
    {
        try
        {
            await engine.CreateAsync(
                new ContainerSpec
                {
                    Name = sandbox.Name,
                    Image = image,
                    Labels = ContainerLabels.Write(Owner, sandbox),
                    Ports = sandbox.Ports,
                    CapDrop = ["ALL"],
                },
                CancellationToken.None);
        }
        catch (ContainerEngineException exception) when (exception.Failure == EngineFailure.NotFound)
        {
            SayImageIsMissing();
            return false;
        }

        await engine.StartAsync(sandbox.Name, CancellationToken.None);
        _isImageMissing = false;
        if (await Host.SandboxStarted(sandbox.Name))
        {
            LogReady(sandbox.Name);
            return true;
        }

        // It has ended, or the pool was cleared meanwhile.
        await RemoveAsync(sandbox.Name, cancellationToken);
        return false;
    }

    private async Task RemoveAsync(string name, CancellationToken cancellationToken)
    {
        await engine.RemoveAsync(name, cancellationToken);
        await Host.ForgetSandbox(name);
    }

    /// <summary>This host's sandboxes as the engine knows them, by name, and whether each runs.</summary>
    private async Task<IReadOnlyDictionary<string, bool>> ListAsync(CancellationToken cancellationToken) =>
        ContainerLabels.SandboxesAmong(await engine.ListAsync(ContainerLabels.OfAnySandbox, cancellationToken), Owner);

    /// <summary>Leaves out sandboxes that a container has joined.</summary>
    /// <param name="ignored">Ids of containers that do not count.</param>
    private async Task<IReadOnlyList<string>> WithoutUserAsync(
        IEnumerable<string> sandboxes, CancellationToken cancellationToken, IReadOnlySet<string>? ignored = null)
    {
        var all = sandboxes.ToList();
        return all.Count == 0
            ? all
            : [.. all.Except((await engine.ListAsync(ContainerLabels.OfAnyHost, cancellationToken))
                .Where(container => ignored?.Contains(container.Id) != true)
                .Select(container => ContainerLabels.NetworkOf(container.Labels)!))];
    }

    [LoggerMessage(LogLevel.Debug, "Network sandbox {Sandbox} is ready")]
    private partial void LogReady(string sandbox);

    [LoggerMessage(LogLevel.Information, "There is no image {Image}: mandelboxes publish their ports themselves, which is slower")]
    private partial void LogNoImage(string image);

    [LoggerMessage(LogLevel.Warning, "Network sandbox {Sandbox}, which this run does not know, is removed")]
    private partial void LogStray(string sandbox);

    [LoggerMessage(LogLevel.Warning, "Network sandboxes could not be made or removed, which is tried again: {Reason}")]
    private partial void LogFailed(string reason, Exception exception);
}
