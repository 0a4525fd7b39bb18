using HostService.Grains.Lifecycle;
using HostService.Grains.Mandelbox.Ecs;
using HostService.Infrastructure.Docker;

namespace HostService.Grains.Mandelbox;

/// <summary>ECS mode (B29): the agent creates and starts the container; once adopted it is a mandelbox like any other.</summary>
public sealed partial class MandelboxGrain
{
    public async Task<InputDevicesAnswer> CreateInputDevices()
    {
        if (MandelboxIds.Fault(Id) is { } fault)
        {
            return new InputDevicesAnswer(null, fault);
        }

        if (_context is { Ecs: null } or { State.IsAlive: false })
        {
            return new InputDevicesAnswer(null, $"mandelbox {Id} exists already and has its devices");
        }

        var context = _context ??= ExpectContainer();
        var ecs = context.Ecs!;

        // Concurrent calls create them once.
        var creation = ecs.InputDevices ??= context.Tasks.TrackAsync(CreateInputDevicesAsync(context));
        if (await creation is { } failure)
        {
            if (ecs.InputDevices == creation)
            {
                ecs.InputDevices = null;
            }

            if (ecs.ContainerId is null)
            {
                // Nothing else is known of this mandelbox. A registered container is adopted all the same, and the agent may ask again.
                await EndAsync(context, EndCause.StartFailed, failure.Reason);
            }

            return new InputDevicesAnswer(null, failure.Reason);
        }

        // An array: what crosses a grain call needs a type that has a copier.
        var nodes = context.InputDevices?.DeviceNodes ?? [];
        return new InputDevicesAnswer(nodes.Select(node => new DeviceDescription(node, node, "rwm")).ToArray(), null);
    }

    public async Task<string?> RegisterContainer(string containerId)
    {
        if (MandelboxIds.Fault(Id) is { } fault)
        {
            return fault;
        }

        try
        {
            // The agent may know the short id only; events carry the full one.
            var id = (await engine.InspectAsync(containerId, CancellationToken.None))?.Id ?? containerId;
            return await RegisterAsync(id) ?? await CatchUpAsync(id);
        }
        catch (ContainerEngineException exception)
        {
            return exception.Message;
        }
    }

    private async Task<string?> RegisterAsync(string containerId)
    {
        switch (_context)
        {
            case { Ecs: null }:
                return $"mandelbox {Id} exists already and has a container of this host's own";
            case { State.IsAlive: false }:
                return $"mandelbox {Id} is being taken down; its container can be registered once it has gone";
            case { Ecs.ContainerId: { } other } when other != containerId:
                return $"mandelbox {Id} has another container";
        }

        var context = _context ??= ExpectContainer();
        var ecs = context.Ecs!;
        ecs.ContainerId = containerId;
        if (await Host.RegisterContainer(containerId, Id) is not { } refusal)
        {
            await ReportAsync(context);
            return null;
        }

        ecs.ContainerId = null;
        if (ecs.InputDevices is null)
        {
            // Nothing else is known of this mandelbox: no container will come.
            await EndAsync(context, EndCause.StartFailed, refusal);
        }

        return refusal;
    }

    /// <summary>Events of a container arrive from its registration on, so what happened before is looked up after it.</summary>
    private async Task<string?> CatchUpAsync(string containerId)
    {
        switch (await engine.InspectAsync(containerId, CancellationToken.None))
        {
            case { Running: true }:
                return await ContainerStarted(containerId);
            case { Ended: true } container:
                await ContainerDied(new ContainerDeath(containerId, container.ExitCode));
                return $"container {containerId} has ended already";
            default:
                return null;
        }
    }

    private MandelboxContext ExpectContainer()
    {
        var context = BeginLife(null);
        Observe(ReportAsync(context), "report to the host");
        Observe(EndWithoutContainerAsync(context, context.Ecs!), "wait for the container");
        return context;
    }

    /// <summary>
    /// The agent's container may run although it was not adopted. Then what it uses stays until its end: the kernel reuses the numbers of
    /// input devices, and it could read another user's input.
    /// </summary>
    private async Task LookWhetherItRunsAsync(MandelboxContext context)
    {
        if (context is not { Container: { Id: null } container, Ecs.ContainerId: { } containerId })
        {
            return;
        }

        // Set first: its end may be reported before the engine's older answer comes.
        container.MayRun = true;
        using var late = new CancellationTokenSource(options.Value.CleanUpTimeout, timeProvider);
        try
        {
            if (await engine.InspectAsync(containerId, late.Token) is not { Running: true })
            {
                container.MayRun = false;
            }
        }
        catch (Exception exception) when (exception is ContainerEngineException or OperationCanceledException)
        {
            // Not known: asked again before the undo is retried.
            LogNotAdopted(Id, containerId, exception.Message);
        }
    }

    private async Task EndWithoutContainerAsync(MandelboxContext context, EcsContainer ecs)
    {
        var timeout = options.Value.AdoptionTimeout;
        await Task.WhenAny(Task.Delay(timeout, timeProvider, context.Tasks.Ending.Token));
        if (ecs.Adoption is null && context.State.IsAlive)
        {
            await EndAsync(context, EndCause.StartFailed, $"no container came within {timeout.TotalMinutes:0} minutes");
        }
    }

    private async Task<StepFailure?> CreateInputDevicesAsync(MandelboxContext context)
    {
        var devices = plans.ForDevices();
        var failure = await RunStagesAsync(context, [.. plans.ForDirectories(context), devices]);
        if (failure is not null && context.State.EndReason is null)
        {
            // The directories stay: the container may be on its way, and has them bound.
            foreach (var undoFailure in await context.Steps.UndoAsync(devices))
            {
                LogUndoFailed(Id, undoFailure.Step, undoFailure.Exception.Message, undoFailure.Exception);
            }
        }

        return failure;
    }

    private async Task<string?> AdoptOnceAsync(MandelboxContext context, EcsContainer ecs, string containerId)
    {
        if (!context.State.IsAlive)
        {
            return $"mandelbox {Id} is being taken down";
        }

        ecs.ContainerId ??= containerId;
        if (ecs.ContainerId != containerId)
        {
            return $"mandelbox {Id} has another container";
        }

        var adoption = ecs.Adoption ??= AdoptAsync(context, ecs, containerId);
        string? reason;
        try
        {
            reason = await adoption;
        }
        catch (ContainerEngineException exception)
        {
            // The engine did not answer: the next event, call or comparison tries again.
            if (ecs.Adoption == adoption)
            {
                ecs.Adoption = null;
            }

            reason = exception.Message;
        }
        catch (OperationCanceledException) when (context.Tasks.Ending.IsCancellationRequested)
        {
            reason = $"mandelbox {Id} ended while its container was being adopted";
        }

        if (reason is not null)
        {
            LogNotAdopted(Id, containerId, reason);
        }

        return reason;
    }

    private async Task<string?> AdoptAsync(MandelboxContext context, EcsContainer ecs, string containerId)
    {
        await ReportAsync(context);
        if (ecs.InputDevices is { } devices)
        {
            // Only awaited: its own caller gets the failure, and the container is adopted with devices or without.
            await devices;
        }

        var container = await engine.InspectAsync(containerId, context.Tasks.Ending.Token);
        if (container is not { Running: true })
        {
            if (container is { Ended: true })
            {
                context.Steps.RegisterUndo(plans.Adoption(containerId));
            }

            await EndAsync(context, EndCause.StartFailed, "its container ended before it was adopted");
            return "the container does not run";
        }

        var ports = PublishedPorts(container);
        if (!ports.Exists(p => p.MandelboxPort == MandelboxPorts.Control))
        {
            await EndAsync(context, EndCause.StartFailed, "its container publishes no port");
            return $"container {containerId} does not publish {MandelboxPorts.Control}/tcp";
        }

        var failure = await context.Tasks.TrackAsync(
            RunStagesAsync(context, [.. plans.ForDirectories(context), .. plans.ForAdoption(Host, containerId, ports)]));
        if (failure is null)
        {
            return null;
        }

        var isAdopted = context.Container.Id is not null;
        await EndAsync(context, EndCause.StartFailed, failure.Reason);
        return isAdopted ? failure.Reason : $"{failure.Reason}; the container is left to its creator";
    }

    /// <summary>The mandelbox's ports that the container publishes.</summary>
    private static List<PortBinding> PublishedPorts(ContainerDescription container) =>
    [
        .. MandelboxPorts.All
            .Select(port => container.Ports.FirstOrDefault(p => p.MandelboxPort == port.Port && p.Transport == port.Transport))
            .OfType<PortBinding>(),
    ];

    private async Task<string?> BecomeReadyAsync(MandelboxContext context, EcsContainer ecs)
    {
        // Concurrent DPIs make it ready once.
        var readiness = ecs.Readiness ??= context.Tasks.TrackAsync(RunStagesAsync(context, plans.ForReadiness()));
        var failure = await readiness;
        if (failure is not null && ecs.Readiness == readiness)
        {
            ecs.Readiness = null;
        }

        return failure?.Reason;
    }
}
