using System.Security.Cryptography;
using HostService.Grains.Lifecycle;
using HostService.Grains.Mandelbox.Ecs;
using HostService.Grains.Mandelbox.Steps;
using HostService.Infrastructure.Input;
using HostService.Infrastructure.Storage.UserConfigs;

namespace HostService.Grains.Mandelbox;

/// <summary>
/// One life of a mandelbox id, from the request until nothing is left: what was requested, and what the steps have obtained. Each part says
/// which step sets it. Used on the turns of its grain only.
/// </summary>
public sealed class MandelboxContext
{
    /// <param name="aesKey">Of a mandelbox that is taken over; null for a new one.</param>
    public MandelboxContext(
        string mandelboxId,
        SpinUpRequest? request,
        string root,
        MandelboxOptions options,
        TimeProvider timeProvider,
        ILogger logger,
        string? aesKey = null)
    {
        AesKey = aesKey ?? Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        MandelboxId = mandelboxId;
        Request = request;
        Ecs = request is null ? new EcsContainer() : null;
        Paths = new MandelboxPaths(root, mandelboxId, isEcs: request is null);
        State = new MandelboxStateMachine(mandelboxId, timeProvider, logger);
        Timeline = new StepTimeline(timeProvider);
        Steps = new StepRunner<MandelboxContext>(this, timeProvider, options.StepTimeout, options.CleanUpTimeout, timeline: Timeline);
    }

    public string MandelboxId { get; }

    /// <summary>Null in ECS mode.</summary>
    public SpinUpRequest? Request { get; }

    public MandelboxPaths Paths { get; }

    /// <summary>32 hexadecimal digits, new for each life (B17).</summary>
    public string AesKey { get; set; }

    /// <summary>The mandelbox that waits and whose lease this one has; set by <see cref="LeaseStep"/>, until it is adopted.</summary>
    public string? Waiting { get; set; }

    /// <summary>Whether this life starts a container of its own: none waits, or the adoption of one has failed.</summary>
    public bool StartsCold { get; set; }

    /// <summary>Whether one of its app waited when it got its lease.</summary>
    public bool FoundWaiting { get; set; }

    /// <summary>The mandelbox that this one, which waits, is promised to.</summary>
    public string? PromisedTo { get; set; }

    /// <summary>Its state; only <see cref="MandelboxStateMachine.MoveToAsync"/> changes it.</summary>
    public MandelboxStateMachine State { get; }

    /// <summary>Runs the steps, and remembers which of them are to be undone.</summary>
    public StepRunner<MandelboxContext> Steps { get; }

    /// <summary>The steps so far, for operators.</summary>
    public StepTimeline Timeline { get; }

    /// <summary>All steps, once it has gone; null before.</summary>
    public IReadOnlyList<TimelineStep>? FinalSteps => State.Current == MandelboxState.Gone ? Timeline.Steps : null;

    /// <summary>The grain's own: the tasks of this life.</summary>
    public MandelboxTasks Tasks { get; } = new();

    /// <summary>The grain's own in ECS mode; null otherwise.</summary>
    public EcsContainer? Ecs { get; }

    /// <summary>Set by <see cref="ClaimRow"/> and <see cref="MarkRowRunning"/>.</summary>
    public BackendRow Row { get; } = new();

    /// <summary>Set by <see cref="CreateDirectories"/>.</summary>
    public bool HasDirectories { get; set; }

    /// <summary>Set by <see cref="LeaseStep"/>.</summary>
    public Lease? Lease { get; set; }

    /// <summary>The last lease that was released.</summary>
    public Lease? FormerLease { get; set; }

    /// <summary>The last network sandbox of a lease of it that ended.</summary>
    public string? LostSandbox { get; set; }

    /// <summary>Set by <see cref="FindImage"/>.</summary>
    public string? Image { get; set; }

    /// <summary>Set by <see cref="CreateInputDevices"/>.</summary>
    public IInputDeviceSet? InputDevices { get; set; }

    /// <summary>The number of cloud drives that were mounted, or are being mounted.</summary>
    public int Drives { get; set; }

    /// <summary>Set by the steps that create, start or adopt the container.</summary>
    public MandelboxContainer Container { get; } = new();

    /// <summary>Outcome of <see cref="FetchUserConfigs"/>; null before it, and after the undo of <see cref="SaveUserConfigs"/>.</summary>
    public FetchOutcome? UserConfigs { get; set; }

    /// <summary>Set by <see cref="SaveUserConfigs"/>.</summary>
    public ArchiveKey? ArchiveKey { get; set; }

    /// <summary>Whether user configs that cannot be saved stay, and are tried again, instead of being given up.</summary>
    public bool KeepsUnsavedConfigs { get; set; }

    /// <summary>The step in which its spin-up failed.</summary>
    public string? FailedStep { get; set; }

    /// <summary>Faults that did not end the mandelbox.</summary>
    public List<string> Warnings { get; } = [];

    /// <summary>
    /// Whether user configs have still to be saved. Until then their directory stays: an archive of half a directory would overwrite a
    /// complete one. Before the row said <c>RUNNING</c> only the app can have written to them, and the user has changed nothing.
    /// </summary>
    public bool MustSaveUserConfigs => Row.MayBeRunning && UserConfigs.AllowsSave;

    /// <summary>The request. Throws if no step has set it, which is a fault of the plan.</summary>
    public SpinUpRequest RequiredRequest => Request ?? throw new InvalidOperationException($"Mandelbox {MandelboxId} has no request.");

    /// <summary>The lease. Throws if no step has set it, which is a fault of the plan.</summary>
    public Lease RequiredLease => Lease ?? throw new InvalidOperationException($"Mandelbox {MandelboxId} has no lease.");

    /// <summary>The key of the archive. Throws if no step has set it, which is a fault of the plan.</summary>
    public ArchiveKey RequiredArchiveKey =>
        ArchiveKey ?? throw new InvalidOperationException($"Mandelbox {MandelboxId} has no key for its user configs.");

    /// <summary>What the caller needs to reach the running mandelbox.</summary>
    public MandelboxAccess Access => new(
        RequiredLease.HostPortFor(MandelboxPorts.Control),
        RequiredLease.HostPortFor(MandelboxPorts.Media),
        RequiredLease.HostPortFor(MandelboxPorts.Secondary),
        AesKey);

    public MandelboxDescription Describe() => new()
    {
        MandelboxId = MandelboxId,
        State = State.Current,
        Since = State.Since,
        CreatedAt = State.CreatedAt,
        AppName = Request?.AppName,
        UserId = MandelboxIds.IsWaiting(MandelboxId) ? null : Request?.UserId,
        SessionId = MandelboxIds.IsWaiting(MandelboxId) ? null : Request?.SessionId,
        ContainerId = Container.Id,
        Lease = Lease,
        Step = Steps.Running,
        Adopted = Ecs is not null,
        ExpectedContainerId = Container.Id is null ? Ecs?.ContainerId : null,
        Warnings = [.. Warnings],
        ContainerMayRun = Container.MayRun,
        EndCause = State.EndCause,
        EndReason = State.EndReason,
        Phases = [.. State.Phases],
        NotReattachable = Ecs is not null ? "the ECS agent made its container"
            : Drives > 0 ? "its cloud drive would be unmounted"
            : null,
        FailedStep = FailedStep,
        ExitCode = Container.ExitCode,
    };
}

public sealed class BackendRow
{
    /// <summary>Whether this life has claimed it, and so has to delete it.</summary>
    public bool IsClaimed { get; set; }

    /// <summary>Whether the webserver may have read <c>RUNNING</c>, and the user may have connected.</summary>
    public bool MayBeRunning { get; set; }

    /// <summary>Ends once <c>DYING</c> has been written, or could not be.</summary>
    public Task MarkedDying { get; set; } = Task.CompletedTask;
}

public sealed class MandelboxContainer
{
    public string? Id { get; set; }

    /// <summary>Whether a process of it may still run. False before it is created, and once the engine has reported its end.</summary>
    public bool MayRun { get; set; }

    /// <summary>Whether it is removed while the mandelbox lives on, and gets another one: its end is not the mandelbox's.</summary>
    public bool IsGivenUp { get; set; }

    /// <summary>Whether it ended before anybody asked for it.</summary>
    public bool HasDied { get; set; }

    /// <summary>Null while it runs, and where the engine did not say.</summary>
    public int? ExitCode { get; set; }

    /// <summary>Whether the engine has reported that a process of it was killed for want of memory.</summary>
    public bool OutOfMemory { get; set; }

    /// <summary>For undos of what the container uses: they are tried again once it has ended.</summary>
    /// <exception cref="InvalidOperationException">The container may still run.</exception>
    public void ThrowIfMayRun()
    {
        if (MayRun)
        {
            throw new InvalidOperationException("the container may still use it: the engine has not reported its end");
        }
    }

    /// <summary>The id. Throws if no step has set it, which is a fault of the plan.</summary>
    public string RequiredId => Id ?? throw new InvalidOperationException("The mandelbox has no container.");
}
