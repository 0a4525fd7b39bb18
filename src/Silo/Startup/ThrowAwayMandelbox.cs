using HostService.Grains;
using HostService.Grains.Lifecycle;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Files;

namespace HostService.Silo.Startup;

/// <summary>A mandelbox that nobody uses, taken through the steps of every other one and down again. One at a time.</summary>
public sealed partial class ThrowAwayMandelbox(
    IGrainFactory grains,
    IContainerEngine engine,
    ProvisioningPlans plans,
    HostDirectories directories,
    HostInfoSource info,
    IOptions<HostOptions> hostOptions,
    IOptions<MandelboxOptions> mandelboxOptions,
    IOptions<WarmUpOptions> options,
    TimeProvider timeProvider,
    ILogger<ThrowAwayMandelbox> logger)
{
    private const int UndoTries = 3;

    /// <summary>As B5 lists them.</summary>
    internal static IReadOnlyList<string> ImagePatterns { get; } =
    [
        "fractal/browsers/chrome:current-build",
        "ghcr.io/fractal/*/browsers/chrome:current-build",
        "ghcr.io/fractal/",
        "fractal",
    ];

    /// <param name="waitForApp">Whether to wait until the app inside has come up, and to let it run for a moment.</param>
    /// <returns>Null, or why it did not come up or could not be taken down.</returns>
    public async Task<StepFailure?> RunAsync(bool waitForApp, CancellationToken cancellationToken)
    {
        var instanceName = info.Current.Identity.InstanceName;
        if (await engine.FindImageAsync(ImagePatterns, cancellationToken) is not { } image)
        {
            return new StepFailure(SpinUpPhases.Image, "the engine has no image of a mandelbox: its tag must contain fractal");
        }

        await ClearAsync(cancellationToken);
        var host = grains.GetGrain<IHostGrain>(HostKeys.Host(instanceName));
        var request = new SpinUpRequest("host-service", MandelboxIds.WarmUp, ConfigEncryptionToken: "", SessionId: 0);
        var timeouts = new MandelboxOptions
        {
            StepTimeout = options.Value.StepTimeout,
            CleanUpTimeout = mandelboxOptions.Value.CleanUpTimeout,
        };
        var context = new MandelboxContext(MandelboxIds.WarmUp, request, hostOptions.Value.Root, timeouts, timeProvider, logger)
        {
            Image = image,
        };
        context.State.Moved = () =>
        {
            MandelboxLog.OnMoved(logger, context);
            return host.Report(context.Describe(), context.FinalSteps);
        };
        await context.State.Moved();
        StepFailure? failure = null;
        StepFailure? left;
        try
        {
            failure = await context.Steps.RunAsync(plans.ForThrowAway(host, options.Value, waitForApp), cancellationToken);
            if (failure is null && waitForApp)
            {
                await Task.Delay(options.Value.RunTime, timeProvider, cancellationToken);
            }
        }
        finally
        {
            left = await TakeDownAsync(context);
        }

        return failure ?? left;
    }

    /// <summary>Removes the container of a run that crashed meanwhile: it has the name that is needed now.</summary>
    private async Task ClearAsync(CancellationToken cancellationToken)
    {
        var labels = new Dictionary<string, string> { [ContainerLabels.App] = MandelboxIds.WarmUp };
        var (instanceName, root) = (info.Current.Identity.InstanceName, hostOptions.Value.Root);
        var all = await engine.ListAsync(labels, cancellationToken);
        foreach (var container in all.Where(container => ContainerLabels.IsOfHost(container.Labels, instanceName, root)))
        {
            await engine.RemoveAsync(container.Id, cancellationToken);
            LogCleared(container.Name, container.Id);
        }
    }

    private async Task<StepFailure?> TakeDownAsync(MandelboxContext context)
    {
        context.State.BeginEnd(EndCause.Probe, "it is only a trial");
        await context.State.MoveToAsync(MandelboxState.Dying);
        IReadOnlyList<UndoFailure> failures = [];
        for (var tries = 1; context.Steps.HasUndo && tries <= UndoTries; tries++)
        {
            if (tries > 1)
            {
                await Task.Delay(mandelboxOptions.Value.RetryAfter, timeProvider);
            }

            failures = await context.Steps.UndoAsync();
        }

        if (failures.Count == 0)
        {
            await context.State.MoveToAsync(MandelboxState.Gone);
            return null;
        }

        if (context.Container.MayRun)
        {
            directories.InUseBy = [.. directories.InUseBy, MandelboxIds.WarmUp];
        }

        return new StepFailure(
            failures[0].Step, $"it could not be taken down: {string.Join("; ", failures.Select(f => $"{f.Step}: {f.Exception.Message}"))}");
    }

    [LoggerMessage(LogLevel.Warning, "Container {Name} ({ContainerId}), with which an earlier run warmed up, is removed")]
    private partial void LogCleared(string name, string containerId);
}
