using HostService.GrainInterfaces;

namespace HostService.Grains.Mandelbox;

/// <summary>One life of a mandelbox id, from the first request to the last thing given back. The id may live again afterwards.</summary>
internal sealed class MandelboxLife(MandelboxRun run, StepRunner runner, ProvisioningPlan? plan, DateTimeOffset now)
{
    public MandelboxRun Run { get; } = run;

    public StepRunner Runner { get; } = runner;

    /// <summary>Null until a container that somebody else made has come.</summary>
    public ProvisioningPlan? Plan { get; set; } = plan;

    public MandelboxState State { get; set; } = MandelboxState.Allocated;

    public DateTimeOffset CreatedAt { get; } = now;

    public DateTimeOffset Since { get; set; } = now;

    /// <summary>Cancelled when the life is to end, whatever step it is in.</summary>
    public CancellationTokenSource Ending { get; } = new();

    /// <summary>Why it is to end; null while it is not.</summary>
    public string? EndReason { get; set; }

    /// <summary>The way up; every request of the same user and session gets its answer.</summary>
    public Task<SpinUpAnswer>? Answer { get; set; }

    /// <summary>The way up of a container that somebody else made.</summary>
    public Task<string?>? Adoption { get; set; }

    /// <summary>ECS mode: the making of input devices ahead of the container; null again once it has failed.</summary>
    public Task<SpinUpFailure?>? Devices { get; set; }

    /// <summary>ECS mode: the last steps, once the user's DPI has come; null again once they have failed.</summary>
    public Task<SpinUpFailure?>? Readiness { get; set; }

    /// <summary>ECS mode: the container that was registered or has started, before it is taken over.</summary>
    public string? ExpectedContainerId { get; set; }

    /// <summary>The first pass of giving back. There is one, whoever asked for it.</summary>
    public Task? TearDown { get; set; }

    /// <summary>Completed when giving back is to be tried again at once.</summary>
    public TaskCompletionSource TryAgain { get; set; } = NewSignal();

    /// <summary>Steps and calls that give the mandelbox something while it lives; giving back waits for them.</summary>
    public List<Task> Pending { get; } = [];

    /// <summary>Whether its user may still come, or is there; not once its end has been decided.</summary>
    public bool IsAlive => State.IsAlive && EndReason is null;

    /// <summary>Made by somebody else (ECS mode).</summary>
    public bool Adopted => Run.Request is null;

    public static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
