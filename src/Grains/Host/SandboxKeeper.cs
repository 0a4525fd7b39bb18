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
    private string? _image;
    private bool _isImageMissing;

    private ContainerOwner Owner => hostInfo.Current.Owner;

    private HostEnvironment Environment => hostInfo.Current.Environment;

    private IHostGrain Host => grains.GetGrain<IHostGrain>(HostKeys.Host(Owner.InstanceName));

    /// <summary>A spin-up that ended may have taken a sandbox, and a mandelbox that has gone leaves one.</summary>
    public void Moved(MandelboxDescription mandelbox)
    {
        if (mandelbox.State is MandelboxState.Running or MandelboxState.Gone)
        {
            _due.TrySetResult();
        }
    }

    /// <summary>The engine reports that a sandbox has ended.</summary>
    public async Task OnEndedAsync(string sandbox)
    {
        if (await Host.SandboxEnded(sandbox) is { } mandelbox)
        {
            await grains.GetGrain<IMandelboxGrain>(mandelbox).SandboxEnded(sandbox);
        }

        _due.TrySetResult();
    }

    /// <summary>Removes containers of sandboxes that the host does not know, and reports the end of those that do not run.</summary>
    public async Task ReconcileAsync(CancellationToken cancellationToken)
    {
        var listed = await ListAsync(cancellationToken);

        // After the engine's list: what is on that list belongs to a sandbox that is known by now, if to any.
        var known = await Host.ListSandboxes();
        foreach (var stray in listed.Keys.Except(known.Select(sandbox => sandbox.Name)))
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
    }

    /// <summary>Removes the containers of all sandboxes of this host but those that go on.</summary>
    public async Task RemoveLeftAsync(IEnumerable<Lease> goOn, CancellationToken cancellationToken)
    {
        var left = (await ListAsync(cancellationToken)).Keys.Except(goOn.Select(lease => lease.Sandbox));
        await Task.WhenAll(left.Select(name => engine.RemoveAsync(name!, cancellationToken)));
    }

    /// <summary>Removes every sandbox that no mandelbox uses. The host begins no more by then.</summary>
    public async Task RemoveAllAsync(CancellationToken cancellationToken)
    {
        var unused = (await Host.ListSandboxes()).Where(sandbox => sandbox.State != SandboxState.Used);
        await Task.WhenAll(unused.Select(async sandbox =>
        {
            await Host.SandboxEnded(sandbox.Name);
            await RemoveAsync(sandbox.Name, cancellationToken);
        }));
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var pause = options.Value.RetryAfter;
        while (!stoppingToken.IsCancellationRequested)
        {
            var due = _due = NewSignal();
            var isDone = await TryFillAsync(stoppingToken);
            var next = isDone
                ? UntilDueAsync(due.Task, stoppingToken)
                : Task.Delay(pause, timeProvider, stoppingToken);
            await next.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pause = isDone ? options.Value.RetryAfter : Backoff.Next(pause, options.Value.RetryAtMost);
        }
    }

    private async Task UntilDueAsync(Task due, CancellationToken cancellationToken)
    {
        await due.WaitAsync(cancellationToken);
        await Task.Delay(Pause, timeProvider, cancellationToken);
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <returns>Whether nothing is to be done until something happens.</returns>
    private async Task<bool> TryFillAsync(CancellationToken cancellationToken)
    {
        try
        {
            foreach (var spent in (await Host.ListSandboxes()).Where(sandbox => sandbox.State == SandboxState.Spent))
            {
                await RemoveAsync(spent.Name, cancellationToken);
            }

            if (docker.Value.SandboxesIn(Environment) == 0)
            {
                return true;
            }

            _image ??= await FindImageAsync(cancellationToken);
            while (_image is { } image && !cancellationToken.IsCancellationRequested && await Host.BeginSandbox() is { } sandbox)
            {
                await StartAsync(sandbox, image);
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
    private async Task StartAsync(NetworkSandbox sandbox, string image)
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
            await engine.StartAsync(sandbox.Name, CancellationToken.None);
        }
        catch (ContainerEngineException exception)
        {
            await Host.SandboxEnded(sandbox.Name);
            if (exception.Failure != EngineFailure.NotFound)
            {
                throw;
            }

            SayImageIsMissing();
            return;
        }

        _isImageMissing = false;
        if (await Host.SandboxStarted(sandbox.Name))
        {
            LogReady(sandbox.Name);
        }
    }

    private async Task RemoveAsync(string name, CancellationToken cancellationToken)
    {
        await engine.RemoveAsync(name, cancellationToken);
        await Host.ForgetSandbox(name);
    }

    /// <summary>This host's sandboxes as the engine knows them, by name, and whether each runs.</summary>
    private async Task<IReadOnlyDictionary<string, bool>> ListAsync(CancellationToken cancellationToken) =>
        (await engine.ListAsync(ContainerLabels.OfAnySandbox, cancellationToken))
            .Where(container => ContainerLabels.SandboxOf(container.Labels, Owner) == container.Name)
            .ToDictionary(container => container.Name, container => container.Running, StringComparer.Ordinal);

    [LoggerMessage(LogLevel.Debug, "Network sandbox {Sandbox} is ready")]
    private partial void LogReady(string sandbox);

    [LoggerMessage(LogLevel.Information, "There is no image {Image}: mandelboxes publish their ports themselves, which is slower")]
    private partial void LogNoImage(string image);

    [LoggerMessage(LogLevel.Warning, "Network sandbox {Sandbox}, which this run does not know, is removed")]
    private partial void LogStray(string sandbox);

    [LoggerMessage(LogLevel.Warning, "Network sandboxes could not be made or removed, which is tried again: {Reason}")]
    private partial void LogFailed(string reason, Exception exception);
}
