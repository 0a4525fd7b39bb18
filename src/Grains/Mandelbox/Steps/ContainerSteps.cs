using HostService.Infrastructure.Docker;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>Finds the image to make the container from (B17).</summary>
public sealed class FindImage(Func<string, CancellationToken, Task<string?>> find) : StepWithoutUndo
{
    public override string Name => "image";

    public override async Task<StepResult> DoAsync(MandelboxRun run, CancellationToken cancellationToken)
    {
        run.Image = await find(run.RequiredRequest.AppName, cancellationToken);
        return run.Image is null
            ? StepResult.Failed($"no local image matches app {run.RequiredRequest.AppName}: build or pull one, for example {run.RequiredRequest.AppName}:current-build")
            : StepResult.Done;
    }
}

/// <summary>The container, not yet started.</summary>
public sealed class CreateContainer(IContainerEngine engine, Func<MandelboxRun, ContainerSpec> specification) : IMandelboxStep
{
    private Task<string>? _creating;

    public string Name => "create";

    public async Task<StepResult> DoAsync(MandelboxRun run, CancellationToken cancellationToken)
    {
        var spec = specification(run);
        run.ContainerName = spec.Name;
        run.ContainerEnded = false;

        // The call goes on when the step is cancelled: the engine would finish it all the same, and then nobody would know of the container.
        _creating = engine.CreateAsync(spec, CancellationToken.None);
        run.ContainerId = await _creating.WaitAsync(cancellationToken);
        return StepResult.Done;
    }

    /// <summary>
    /// Waits for the engine's answer, where the step did not. The engine may have made a container although its call failed: it is looked for by name, and removed only if its labels say that it is this lease's.
    /// </summary>
    public async Task UndoAsync(MandelboxRun run, CancellationToken cancellationToken)
    {
        if (run.ContainerId is null && _creating is { } creating)
        {
            await Task.WhenAny(creating).WaitAsync(cancellationToken);
            run.ContainerId = creating.IsCompletedSuccessfully ? await creating : null;
        }

        if (run.ContainerId is null && run.ContainerName is { } name)
        {
            var found = await engine.InspectAsync(name, cancellationToken);
            if (found is not null && run.Lease is { } lease && ContainerLabels.Read(found.Labels)?.Id == lease.Id)
            {
                run.ContainerId = found.Id;
            }
        }

        if (run.ContainerId is { } id)
        {
            await engine.RemoveAsync(id, cancellationToken);
        }

        run.ContainerEnded = true;
    }
}

/// <summary>Starts the container; the way back ends it and waits until the engine says that it has ended.</summary>
public sealed class StartContainer(IContainerEngine engine, TimeSpan stopGrace) : IMandelboxStep
{
    public string Name => "start";

    public async Task<StepResult> DoAsync(MandelboxRun run, CancellationToken cancellationToken)
    {
        await engine.StartAsync(run.RequiredContainerId, cancellationToken);
        return StepResult.Done;
    }

    public async Task UndoAsync(MandelboxRun run, CancellationToken cancellationToken)
    {
        await engine.StopAsync(run.RequiredContainerId, stopGrace, cancellationToken);
        run.ContainerEnded = true;
    }
}

/// <summary>A container that is about to be called up must not have ended in the meantime.</summary>
public sealed class CheckAlive(IContainerEngine engine) : StepWithoutUndo
{
    public override string Name => "alive";

    public override async Task<StepResult> DoAsync(MandelboxRun run, CancellationToken cancellationToken)
    {
        var container = await engine.InspectAsync(run.RequiredContainerId, cancellationToken);
        return container switch
        {
            { Running: true } => StepResult.Done,
            null => StepResult.Failed("the container was removed while it was coming up"),
            _ => StepResult.Failed($"the container ended while it was coming up{(container.ExitCode is { } code ? $" (exit code {code})" : "")}"),
        };
    }
}

/// <summary>A container that somebody else made and started: it is ours to end, and theirs to have made.</summary>
public sealed class AdoptContainer(IContainerEngine engine, string containerId, TimeSpan stopGrace) : IMandelboxStep
{
    public string Name => "adopt";

    public Task<StepResult> DoAsync(MandelboxRun run, CancellationToken cancellationToken)
    {
        run.ContainerId = containerId;
        run.ContainerEnded = false;
        return Task.FromResult(StepResult.Done);
    }

    public async Task UndoAsync(MandelboxRun run, CancellationToken cancellationToken)
    {
        await engine.StopAsync(containerId, stopGrace, cancellationToken);
        await engine.RemoveAsync(containerId, cancellationToken);
        run.ContainerEnded = true;
    }
}
