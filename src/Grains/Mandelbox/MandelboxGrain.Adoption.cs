using HostService.GrainInterfaces;
using HostService.Infrastructure.Docker;

namespace HostService.Grains.Mandelbox;

/// <summary>ECS mode (B29): the container is made by somebody else; from its start on it is a mandelbox like any other.</summary>
public sealed partial class MandelboxGrain
{
    public async Task<InputDevicesAnswer> CreateInputDevices()
    {
        if (MandelboxIds.Fault(Id) is { } fault)
        {
            return new InputDevicesAnswer(null, fault);
        }

        if (_life is { Adopted: false } or { IsAlive: false })
        {
            return new InputDevicesAnswer(null, $"mandelbox {Id} exists already and has its devices");
        }

        var life = _life ??= ExpectContainer();

        // Asked for twice at once, they are made once.
        var making = life.Devices ??= WhilePending(life, MakeDevicesAsync(life));
        if (await making is { } failure)
        {
            if (life.Devices == making)
            {
                life.Devices = null;
            }

            if (life.ExpectedContainerId is null)
            {
                // Nothing else is known of this mandelbox. A container that was registered is taken over all the same, and the agent may ask for devices again.
                await EndAsync(life, failure.Reason);
            }

            return new InputDevicesAnswer(null, failure.Reason);
        }

        var nodes = life.Run.InputDevices?.DeviceNodes ?? [];
        return new InputDevicesAnswer([.. nodes.Select(node => new DeviceDescription(node, node, "rwm"))], null);
    }

    public async Task<string?> RegisterContainer(string containerId)
    {
        if (MandelboxIds.Fault(Id) is { } fault)
        {
            return fault;
        }

        try
        {
            // The engine's events name containers in full; the agent may know the short form.
            var id = (await engine.InspectAsync(containerId, CancellationToken.None))?.Id ?? containerId;
            return await ExpectAsync(id) ?? await CatchUpAsync(id);
        }
        catch (ContainerEngineException exception)
        {
            return exception.Message;
        }
    }

    /// <summary>What became of a container before it was registered: only from then on are its events brought here, so this is looked at after it.</summary>
    private async Task<string?> CatchUpAsync(string containerId)
    {
        switch (await engine.InspectAsync(containerId, CancellationToken.None))
        {
            case { Running: true }:
                return await ContainerStarted(containerId);
            case { Ended: true } container:
                await ContainerDied(new ContainerDeath(containerId, container.ExitCode, container.FinishedAt ?? DateTimeOffset.UnixEpoch));
                return $"container {containerId} has ended already";
            default:
                return null;
        }
    }

    private async Task<SpinUpFailure?> MakeDevicesAsync(MandelboxLife life)
    {
        var stages = plans.ForDevices(life.Run.HasDirectories);
        var failure = await RunStagesAsync(life, stages);
        if (failure is not null && life.EndReason is null)
        {
            // The directories stay: a container may be on its way that has them bound.
            foreach (var left in await life.Runner.UndoAsync(stages[^1], life.Run))
            {
                LogNotUndone(Id, left.Step, left.Error.Message, left.Error);
            }
        }

        return failure;
    }

    private async Task<string?> ExpectAsync(string containerId)
    {
        switch (_life)
        {
            case { Adopted: false }:
                return $"mandelbox {Id} exists already and has a container of this host's own";
            case { IsAlive: false }:
                return $"mandelbox {Id} is being taken down; its container can be registered once it has gone";
            case { ExpectedContainerId: { } other } when other != containerId:
                return $"mandelbox {Id} has another container";
        }

        var life = _life ??= ExpectContainer();
        life.ExpectedContainerId = containerId;
        if (await Host.RegisterContainer(containerId, Id) is not { } refusal)
        {
            await TellHostAsync(life);
            return null;
        }

        life.ExpectedContainerId = null;
        if (life.Devices is null)
        {
            // Nothing else is known of this mandelbox: it must not wait for what will not come.
            await EndAsync(life, refusal);
        }

        return refusal;
    }

    public async Task<string?> ContainerStarted(string containerId)
    {
        if (_life is not { IsAlive: true } life)
        {
            return $"no mandelbox {Id} is alive";
        }

        if (!life.Adopted)
        {
            // One of ours: either the very one, or one whose creation has not been answered yet.
            return life.Run.ContainerId is null || life.Run.ContainerId == containerId ? null : $"mandelbox {Id} has another container";
        }

        life.ExpectedContainerId ??= containerId;
        if (life.ExpectedContainerId != containerId)
        {
            return $"mandelbox {Id} has another container";
        }

        var adoption = life.Adoption ??= AdoptAsync(life, containerId);
        string? why;
        try
        {
            why = await adoption;
        }
        catch (ContainerEngineException exception)
        {
            // Nothing is known of the container but that the engine did not say: whoever tells of it again makes another try, until the wait for it is over.
            if (life.Adoption == adoption)
            {
                life.Adoption = null;
            }

            why = exception.Message;
        }
        catch (OperationCanceledException) when (life.Ending.IsCancellationRequested)
        {
            why = $"mandelbox {Id} ended while it was being taken over";
        }

        if (why is not null)
        {
            LogNotAdopted(Id, containerId, why);
        }

        return why;
    }

    private MandelboxLife ExpectContainer()
    {
        var life = NewLife(null, null);
        Watch(TellHostAsync(life), "tell the host");
        Watch(GiveUpExpectingAsync(life), "wait for its container");
        return life;
    }

    /// <summary>Devices and directories that no container comes for are given back.</summary>
    private async Task GiveUpExpectingAsync(MandelboxLife life)
    {
        await Task.WhenAny(Task.Delay(options.Value.AdoptionTimeout, timeProvider, life.Ending.Token));
        if (life.Adoption is null && life.IsAlive)
        {
            await EndAsync(life, $"no container came within {options.Value.AdoptionTimeout.TotalMinutes:0} minutes");
        }
    }

    private async Task<string?> AdoptAsync(MandelboxLife life, string containerId)
    {
        await TellHostAsync(life);
        if (life.Devices is { } devices)
        {
            // Its failure is the answer of whoever asked for them: the container is there, with devices or without.
            await devices;
        }

        var container = await engine.InspectAsync(containerId, life.Ending.Token);
        if (container is not { Running: true })
        {
            if (container is { Ended: true })
            {
                life.Runner.RegisterUndo(plans.ForRemoval(containerId));
            }

            await EndAsync(life, "its container ended before it was taken over");
            return "the container does not run";
        }

        var ports = MandelboxPorts.All
            .Select(p => container.Ports.FirstOrDefault(b => b.MandelboxPort == p.Port && b.Transport == p.Transport))
            .OfType<PortBinding>()
            .ToList();
        if (!ports.Exists(p => p is { MandelboxPort: MandelboxPorts.Control, Transport: Transport.Tcp }))
        {
            await EndAsync(life, "its container publishes no port");
            return $"container {containerId} does not publish {MandelboxPorts.Control}/tcp";
        }

        var plan = plans.ForAdoption(Host, containerId, ports, life.Run.HasDirectories);
        life.Plan = plan;
        if (await Climb(life, plan.Stages) is { } failure)
        {
            var isOurs = life.Run.ContainerId is not null;
            await EndAsync(life, failure.Reason);
            return isOurs ? failure.Reason : $"{failure.Reason}; the container is left to whoever made it";
        }

        return null;
    }

    private async Task<string?> BecomeReadyAsync(MandelboxLife life)
    {
        // Two DPIs at once make it ready once.
        var readiness = life.Readiness ??= Climb(life, plans.ForReadiness());
        var failure = await readiness;
        if (failure is not null && life.Readiness == readiness)
        {
            life.Readiness = null;
        }

        return failure?.Reason;
    }
}
