using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Docker;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>Creates the container; the undo removes it.</summary>
public sealed class CreateContainer(
    IContainerEngine engine, ContainerOwner owner, HostEnvironment environment, ContainerCapabilities capabilities)
    : IStep<MandelboxContext>
{
    private string? _name;
    private Task<string>? _creating;

    public string Name => SpinUpPhases.Create;

    public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        var spec = ContainerSpecs.Build(context, owner, environment, capabilities);
        _name = spec.Name;
        (context.Container.Id, context.Container.MayRun, context.Container.ExitCode) = (null, true, null);

        // Not cancelled with the step: the engine would finish the call all the same, and nobody would know of the container.
        _creating = engine.CreateAsync(spec, CancellationToken.None);
        try
        {
            context.Container.Id = await _creating.WaitAsync(cancellationToken);
            return StepResult.Done;
        }
        catch (ContainerEngineException exception) when (exception.Failure == EngineFailure.NameTaken)
        {
            var other = await engine.InspectAsync(_name, cancellationToken);
            throw new ContainerEngineException(exception.Failure, other is null ? exception.Message : DescribeClash(other), exception);
        }
    }

    /// <summary>Waits for the engine's answer first. A container may exist although the call failed: it is looked up by name.</summary>
    public async Task UndoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        if (context.Container.Id is null && _creating is { } creating)
        {
            await Task.WhenAny(creating).WaitAsync(cancellationToken);
            context.Container.Id = creating.IsCompletedSuccessfully ? await creating : await FindByNameAsync(context, cancellationToken);
        }

        if (context.Container.Id is { } id)
        {
            await engine.RemoveAsync(id, cancellationToken);
        }

        context.Container.MayRun = false;
    }

    /// <summary>Different apps and ids can map to one container name, for example a/b with c, and a with b-c.</summary>
    private string DescribeClash(ContainerDescription other)
    {
        var taken = $"the container name {other.Name} is taken by container {other.Id}";
        if (ContainerLabels.MandelboxOf(other.Labels, other.Name, owner) is { } id)
        {
            return $"{taken} of mandelbox {id}; end it, or use another mandelbox id";
        }

        return ContainerLabels.IsOfEarlierRun(other.Labels, owner)
            ? $"{taken} of an earlier run of this service; remove it"
            : $"{taken}, which is not a mandelbox of this host; remove it";
    }

    /// <summary>The container of this name, unless its labels say that it belongs to another lease.</summary>
    private async Task<string?> FindByNameAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        var found = await engine.InspectAsync(_name!, cancellationToken);
        return found is not null && ContainerLabels.Read(found.Labels, found.Name)?.Id == context.RequiredLease.Id ? found.Id : null;
    }
}
