namespace HostService.Grains.Lifecycle;

/// <summary>Steps that do not depend on one another: they run in parallel, and all of them end before the next stage begins.</summary>
public sealed record Stage<TContext>(params IReadOnlyList<IStep<TContext>> Steps);
