using Orleans.Concurrency;

namespace HostService.GrainInterfaces;

/// <summary>One mandelbox. Key: the mandelbox id. Calls interleave: a query, a stop and an event are served during a spin-up.</summary>
public interface IMandelboxGrain : IGrainWithStringKey
{
    /// <summary>
    /// Spins the mandelbox up for its user. While it is alive, a repeated request with the same user and session gets the first answer;
    /// another user or session is refused. A spin-up that fails is undone; the answer waits for that, but not for ever.
    /// </summary>
    [AlwaysInterleave]
    [ResponseTimeout(GrainCallTimeouts.Mandelbox)]
    Task<SpinUpAnswer> SpinUp(SpinUpRequest request);

    /// <summary>A caller of <see cref="SpinUp"/> has hung up. A mandelbox that waits in the queue for nobody else ends.</summary>
    [AlwaysInterleave]
    Task CallerLeft();

    /// <summary>
    /// Starts it ahead, without a user, and lets it wait for one (<see cref="MandelboxState.Waiting"/>). Returns null, or why that failed;
    /// then it is ended.
    /// </summary>
    [AlwaysInterleave]
    [ResponseTimeout(GrainCallTimeouts.Mandelbox)]
    Task<SpinUpFailure?> StartWaiting(string appName);

    /// <summary>
    /// Promises what waits to another mandelbox, which then takes over its files, and calls <see cref="CompleteAdoption"/>. Null when it
    /// does not wait, or is promised to another one. May be repeated.
    /// </summary>
    [AlwaysInterleave]
    Task<WaitingMandelbox?> BeginAdoption(string mandelboxId);

    /// <summary>
    /// Ends one that waits, and answers once everything it held has been given back, as <see cref="Stop"/> does. False, without effect, for
    /// one that is promised to another: that one's user would lose it.
    /// </summary>
    [AlwaysInterleave]
    [ResponseTimeout(GrainCallTimeouts.Mandelbox)]
    Task<bool> EndWaiting(string reason);

    /// <summary>
    /// The other mandelbox undoes from now on what was done here. False when this one is ending, and will undo it itself.
    /// </summary>
    [AlwaysInterleave]
    Task<bool> CompleteAdoption(string mandelboxId);

    /// <summary>
    /// After a crash: takes over a mandelbox whose container went on without the service. Null on success, else why it is ended now.
    /// </summary>
    [AlwaysInterleave]
    [ResponseTimeout(GrainCallTimeouts.Mandelbox)]
    Task<string?> Reattach(ReattachRequest request);

    /// <summary>
    /// Before the service restarts: leaves a running mandelbox to the next run, which takes it over. False while a spin-up or an end is in
    /// progress.
    /// </summary>
    [AlwaysInterleave]
    Task<bool> HandOver();

    /// <summary>
    /// Gives back what is left of a mandelbox that has gone, by the steps that end every other one. User configs that cannot be saved stay
    /// and are tried again. Does nothing where there is a mandelbox of this id.
    /// </summary>
    [AlwaysInterleave]
    [ResponseTimeout(GrainCallTimeouts.Mandelbox)]
    Task RemoveRemains(MandelboxRemains remains);

    /// <summary>Its state and what it holds; null when this id has no mandelbox.</summary>
    [AlwaysInterleave]
    Task<MandelboxDescription?> Describe();

    /// <summary>As <see cref="Describe"/>, with the steps of its life so far.</summary>
    [AlwaysInterleave]
    Task<MandelboxTimeline?> DescribeSteps();

    /// <summary>
    /// Takes it down. False when there was nothing to take down. The answer waits until everything has been released, but not for ever;
    /// what failed is retried.
    /// </summary>
    [AlwaysInterleave]
    [ResponseTimeout(GrainCallTimeouts.Mandelbox)]
    Task<bool> Stop(string reason, EndCause cause = EndCause.Operator);

    /// <summary>The engine reports that a container of this mandelbox has ended.</summary>
    [AlwaysInterleave]
    Task ContainerDied(ContainerDeath death);

    /// <summary>The engine reports that the kernel killed a process of a container for want of memory; it may go on without it.</summary>
    [AlwaysInterleave]
    Task ContainerOutOfMemory(string containerId);

    /// <summary>The network sandbox of its lease has ended, and with it the ports that it published.</summary>
    [AlwaysInterleave]
    Task SandboxEnded(string sandbox);

    /// <summary>Sets the dots per inch of a mandelbox that waits for them. Null on success, else the reason.</summary>
    [AlwaysInterleave]
    Task<string?> SetDpi(int dpi);

    /// <summary>Mounts a user's cloud drive. Null on success, else the reason.</summary>
    [AlwaysInterleave]
    [ResponseTimeout(GrainCallTimeouts.Mandelbox)]
    Task<string?> MountCloudStorage(CloudDrive drive);

    /// <summary>
    /// ECS mode: assigns a container that the agent created to this mandelbox. A running container is adopted at once, any other when it
    /// starts. Null on success, else the reason.
    /// </summary>
    [AlwaysInterleave]
    Task<string?> RegisterContainer(string containerId);

    /// <summary>
    /// The engine reports that a container of this mandelbox has started: one of ours, or in ECS mode a registered one, which is then
    /// adopted. Null when the container belongs to this mandelbox, else the reason.
    /// </summary>
    [AlwaysInterleave]
    Task<string?> ContainerStarted(string containerId);

    /// <summary>ECS mode: creates the mandelbox's three input devices ahead of its container.</summary>
    [AlwaysInterleave]
    Task<InputDevicesAnswer> CreateInputDevices();
}

/// <summary>A spin-up as requested.</summary>
/// <param name="UserId">Verified by the gateway.</param>
/// <param name="AppName">For example <c>browsers/chrome</c>.</param>
/// <param name="ConfigEncryptionToken">Secret; at least 10 characters.</param>
/// <param name="SessionId">The webserver's session.</param>
/// <param name="Dpi">Dots per inch, 1..1000, if the client sent them.</param>
/// <param name="RequestedPorts">Host ports that the request names; the others are chosen.</param>
[GenerateSerializer, Immutable]
public sealed record SpinUpRequest(
    [property: Id(0)] string UserId,
    [property: Id(1)] string AppName,
    [property: Id(2)] string ConfigEncryptionToken,
    [property: Id(3)] ulong SessionId,
    [property: Id(4)] int? Dpi = null,
    [property: Id(5)] IReadOnlyList<PortBinding>? RequestedPorts = null)
{
    /// <summary>Without the secret and the user: this text may be logged.</summary>
    public override string ToString() => $"{AppName}, session {SessionId}";
}

/// <summary>A mandelbox whose container outlived the run that made it, as the container's labels tell.</summary>
[GenerateSerializer, Immutable]
public sealed record ReattachRequest(
    [property: Id(0)] string ContainerId,
    [property: Id(1)] Lease Lease,
    [property: Id(2)] string UserId,
    [property: Id(3)] string AppName,
    [property: Id(4)] ulong SessionId);

/// <summary>What is left of a mandelbox that has gone, beside its directories, drives and record, which are looked up.</summary>
/// <param name="ContainerId">A container of this run; null where there is none.</param>
/// <param name="Lease">A lease that the host has not got back; null where there is none.</param>
/// <param name="HasRow">Whether the database has a row that this host claimed.</param>
[GenerateSerializer, Immutable]
public sealed record MandelboxRemains(
    [property: Id(0)] string? ContainerId,
    [property: Id(1)] Lease? Lease,
    [property: Id(2)] bool HasRow);

/// <summary>What one mandelbox adopts of another one that waits.</summary>
/// <param name="ContainerId">Docker's id.</param>
/// <param name="AesKey">Of its container; nobody has been told.</param>
[GenerateSerializer, Immutable]
public sealed record WaitingMandelbox([property: Id(0)] string ContainerId, [property: Id(1)] string AesKey)
{
    /// <summary>Without the key: this text may be logged.</summary>
    public override string ToString() => $"container {ContainerId}";
}

/// <summary>The answer to a spin-up. Exactly one of the two is set.</summary>
[GenerateSerializer, Immutable]
public sealed record SpinUpAnswer(
    [property: Id(0)] MandelboxAccess? Access,
    [property: Id(1)] SpinUpFailure? Failure)
{
    public static SpinUpAnswer Ready(MandelboxAccess access) => new(access, null);

    public static SpinUpAnswer Failed(string phase, string reason) => new(null, new SpinUpFailure(phase, reason));
}

/// <summary>How the client reaches its mandelbox.</summary>
/// <param name="Port32262">Host port of 32262/tcp.</param>
/// <param name="Port32263">Host port of 32263/udp.</param>
/// <param name="Port32273">Host port of 32273/tcp.</param>
/// <param name="AesKey">32 hexadecimal digits; secret.</param>
[GenerateSerializer, Immutable]
public sealed record MandelboxAccess(
    [property: Id(0)] int Port32262,
    [property: Id(1)] int Port32263,
    [property: Id(2)] int Port32273,
    [property: Id(3)] string AesKey)
{
    /// <summary>Without the key: this text may be logged.</summary>
    public override string ToString() => $"{Port32262}/tcp, {Port32263}/udp, {Port32273}/tcp";
}

/// <summary>Why a spin-up failed.</summary>
/// <param name="Phase">One of <see cref="SpinUpPhases"/>, or the name of another step.</param>
/// <param name="Reason">What failed and why, for the caller.</param>
[GenerateSerializer, Immutable]
public sealed record SpinUpFailure(
    [property: Id(0)] string Phase,
    [property: Id(1)] string Reason);

/// <summary>The end of a container, as the engine reports it.</summary>
/// <param name="ContainerId">Docker's id.</param>
/// <param name="ExitCode">Null when the engine did not say.</param>
/// <param name="OutOfMemory">Whether the engine said that a process of it was killed for want of memory.</param>
[GenerateSerializer, Immutable]
public sealed record ContainerDeath(
    [property: Id(0)] string ContainerId,
    [property: Id(1)] int? ExitCode,
    [property: Id(2)] bool OutOfMemory = false);

/// <summary>A mandelbox as operators see it, without secrets.</summary>
[GenerateSerializer, Immutable]
public sealed record MandelboxDescription
{
    [Id(0)] public required string MandelboxId { get; init; }
    [Id(1)] public required MandelboxState State { get; init; }
    [Id(2)] public required DateTimeOffset Since { get; init; }
    [Id(3)] public required DateTimeOffset CreatedAt { get; init; }
    [Id(4)] public string? AppName { get; init; }
    [Id(5)] public string? UserId { get; init; }
    [Id(6)] public ulong? SessionId { get; init; }
    [Id(7)] public string? ContainerId { get; init; }
    [Id(8)] public Lease? Lease { get; init; }

    /// <summary>The steps that run now; null when none does.</summary>
    [Id(9)] public string? Step { get; init; }

    /// <summary>Whether the ECS agent created its container.</summary>
    [Id(10)] public bool Adopted { get; init; }

    /// <summary>Faults that did not end it, for example user configs that could not be fetched.</summary>
    [Id(11)] public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>ECS mode: the registered container, until it has been adopted.</summary>
    [Id(12)] public string? ExpectedContainerId { get; init; }

    /// <summary>Whether a process of its container may run: what the container uses stays until the engine reports its end.</summary>
    [Id(13)] public bool ContainerMayRun { get; init; }

    /// <summary>Whether it has ended, but for the agent's container, which was not adopted and runs: only the agent ends that.</summary>
    public bool WaitsForAgent => State == MandelboxState.Dying && ContainerMayRun && ExpectedContainerId is not null;

    /// <summary>Why it ends; null while it does not.</summary>
    [Id(14)] public EndCause? EndCause { get; init; }

    /// <summary>The cause in words.</summary>
    [Id(15)] public string? EndReason { get; init; }

    /// <summary>The states that it has reached, the first one first.</summary>
    [Id(16)] public IReadOnlyList<MandelboxPhase> Phases { get; init; } = [];

    /// <summary>Why a restart of the service would cost its user something; null where it would not.</summary>
    [Id(17)] public string? NotReattachable { get; init; }

    /// <summary>Its place among those that wait because nothing is free, 1 for the next one; null when it does not wait.</summary>
    [Id(18)] public int? QueuePlace { get; init; }

    /// <summary>The step in which its spin-up failed; null where it did not.</summary>
    [Id(19)] public string? FailedStep { get; init; }

    /// <summary>Of its container; null while that runs, and where the engine did not say.</summary>
    [Id(20)] public int? ExitCode { get; init; }
}

/// <summary>A user's cloud drive and the secrets that open it (B29).</summary>
[GenerateSerializer, Immutable]
public sealed record CloudDrive
{
    /// <summary><c>google_drive</c>, <c>dropbox</c>, or another configured provider.</summary>
    [Id(0)] public required string Provider { get; init; }
    [Id(1)] public string AccessToken { get; init; } = "";
    [Id(2)] public string RefreshToken { get; init; } = "";

    /// <summary>RFC 3339; empty where the token does not expire.</summary>
    [Id(3)] public string Expiry { get; init; } = "";
    [Id(4)] public string TokenType { get; init; } = "";
    [Id(5)] public string ClientId { get; init; } = "";
    [Id(6)] public string ClientSecret { get; init; } = "";

    /// <summary>Without the secrets: this text may be logged.</summary>
    public override string ToString() => $"cloud drive {Provider}";
}

/// <summary>The devices created for a mandelbox, or the reason why not.</summary>
[GenerateSerializer, Immutable]
public sealed record InputDevicesAnswer(
    [property: Id(0)] IReadOnlyList<DeviceDescription>? Devices,
    [property: Id(1)] string? Refusal);

/// <summary>A device node for a container.</summary>
/// <param name="PathOnHost">For example <c>/dev/input/event5</c>.</param>
/// <param name="PathInContainer">The same path.</param>
/// <param name="CgroupPermissions"><c>rwm</c>.</param>
[GenerateSerializer, Immutable]
public sealed record DeviceDescription(
    [property: Id(0)] string PathOnHost,
    [property: Id(1)] string PathInContainer,
    [property: Id(2)] string CgroupPermissions);
