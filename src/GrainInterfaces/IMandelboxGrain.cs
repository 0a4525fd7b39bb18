using Orleans.Concurrency;

namespace HostService.GrainInterfaces;

/// <summary>
/// One mandelbox. Key: the mandelbox id. While a spin-up runs, every other call on the same mandelbox is served too:
/// each method says what it may assume.
/// </summary>
public interface IMandelboxGrain : IGrainWithStringKey
{
    /// <summary>
    /// Brings the mandelbox up for its user. While it lives, the same id, user and session gets the first answer again; another
    /// user or session is refused. On any failure everything is given back before the answer.
    /// </summary>
    [AlwaysInterleave]
    [ResponseTimeout(GrainCallTimeouts.Mandelbox)]
    Task<SpinUpAnswer> SpinUp(SpinUpRequest request);

    /// <summary>What it is doing now; null when nothing is known of this id.</summary>
    [AlwaysInterleave]
    Task<MandelboxDescription?> Describe();

    /// <summary>Ends it and gives everything back. True when there was something to end. Answers once all of it is done, or has been tried.</summary>
    [AlwaysInterleave]
    [ResponseTimeout(GrainCallTimeouts.Mandelbox)]
    Task<bool> Stop(string reason);

    /// <summary>The engine says that a container of this mandelbox has ended.</summary>
    [AlwaysInterleave]
    Task ContainerDied(ContainerDeath death);

    /// <summary>Sets the dots per inch of a mandelbox that waits for it. Null on success, else why not.</summary>
    [AlwaysInterleave]
    Task<string?> SetDpi(int dpi);

    /// <summary>Mounts a user's cloud drive. Null on success, else why not.</summary>
    [AlwaysInterleave]
    [ResponseTimeout(GrainCallTimeouts.Mandelbox)]
    Task<string?> MountCloudStorage(CloudStorageRequest request);

    /// <summary>
    /// ECS mode: this container, made by somebody else, is this mandelbox. If it runs already it is taken over at once, else when the engine says that it has
    /// started. Null on success, else why not.
    /// </summary>
    [AlwaysInterleave]
    Task<string?> RegisterContainer(string containerId);

    /// <summary>
    /// The engine says that a container of this mandelbox has started: one of ours, or in ECS mode one that was registered. Null when it is known or was
    /// taken over, else why not.
    /// </summary>
    [AlwaysInterleave]
    Task<string?> ContainerStarted(string containerId);

    /// <summary>ECS mode: creates the mandelbox's three input devices ahead of its container.</summary>
    [AlwaysInterleave]
    Task<InputDevicesAnswer> CreateInputDevices();
}

/// <summary>What a user asks for.</summary>
/// <param name="UserId">Already verified.</param>
/// <param name="AppName">For example <c>browsers/chrome</c>.</param>
/// <param name="ConfigEncryptionToken">Secret; at least 10 characters.</param>
/// <param name="SessionId">The webserver's session.</param>
/// <param name="Dpi">Dots per inch, 1..1000, if the client sent one.</param>
/// <param name="RequestedPorts">Host ports that must be given as named.</param>
[GenerateSerializer, Immutable]
public sealed record SpinUpRequest(
    [property: Id(0)] string UserId,
    [property: Id(1)] string AppName,
    [property: Id(2)] string ConfigEncryptionToken,
    [property: Id(3)] ulong SessionId,
    [property: Id(4)] int? Dpi = null,
    [property: Id(5)] IReadOnlyList<PortBinding>? RequestedPorts = null)
{
    /// <summary>Leaves the secret out, so that no log can hold it.</summary>
    public override string ToString() => $"{AppName} for {UserId}, session {SessionId}";
}

/// <summary>What a caller gets: the ports and key, or the reason why not. Exactly one of the two is set.</summary>
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
    /// <summary>Leaves the key out, so that no log can hold it.</summary>
    public override string ToString() => $"{Port32262}/tcp, {Port32263}/udp, {Port32273}/tcp";
}

/// <summary>Why a spin-up failed.</summary>
/// <param name="Phase">The step that failed, for example <c>lease</c> or <c>create</c>.</param>
/// <param name="Reason">For the caller: what was attempted and what came of it.</param>
[GenerateSerializer, Immutable]
public sealed record SpinUpFailure(
    [property: Id(0)] string Phase,
    [property: Id(1)] string Reason);

/// <summary>A container's end, as the engine tells it.</summary>
/// <param name="ContainerId">Docker's id.</param>
/// <param name="ExitCode">Null when the engine did not say.</param>
/// <param name="At">When it ended.</param>
[GenerateSerializer, Immutable]
public sealed record ContainerDeath(
    [property: Id(0)] string ContainerId,
    [property: Id(1)] int? ExitCode,
    [property: Id(2)] DateTimeOffset At);

/// <summary>A mandelbox as an operator sees it. Holds no secret.</summary>
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

    /// <summary>The step that runs now, if one does.</summary>
    [Id(9)] public string? Step { get; init; }

    /// <summary>True for a container that somebody else created (ECS mode).</summary>
    [Id(10)] public bool Adopted { get; init; }

    /// <summary>What went less than well without ending it: for example user configs that could not be fetched.</summary>
    [Id(11)] public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>ECS mode: the container that was registered and has not been taken over yet.</summary>
    [Id(12)] public string? ExpectedContainerId { get; init; }
}

/// <summary>A user's cloud drive to mount (B29).</summary>
[GenerateSerializer, Immutable]
public sealed record CloudStorageRequest
{
    /// <summary><c>google_drive</c>, <c>dropbox</c>, or another provider of the configured table.</summary>
    [Id(0)] public required string Provider { get; init; }
    [Id(1)] public string AccessToken { get; init; } = "";
    [Id(2)] public string RefreshToken { get; init; } = "";
    [Id(3)] public string Expiry { get; init; } = "";
    [Id(4)] public string TokenType { get; init; } = "";
    [Id(5)] public string ClientId { get; init; } = "";
    [Id(6)] public string ClientSecret { get; init; } = "";

    /// <summary>Leaves the secrets out, so that no log can hold them.</summary>
    public override string ToString() => $"cloud storage {Provider}";
}

/// <summary>The devices made for a mandelbox, or why there are none.</summary>
[GenerateSerializer, Immutable]
public sealed record InputDevicesAnswer(
    [property: Id(0)] IReadOnlyList<DeviceDescription>? Devices,
    [property: Id(1)] string? Refusal);

/// <summary>A device node that a container is given.</summary>
/// <param name="PathOnHost">For example <c>/dev/input/event5</c>.</param>
/// <param name="PathInContainer">The same path.</param>
/// <param name="CgroupPermissions"><c>rwm</c>.</param>
[GenerateSerializer, Immutable]
public sealed record DeviceDescription(
    [property: Id(0)] string PathOnHost,
    [property: Id(1)] string PathInContainer,
    [property: Id(2)] string CgroupPermissions);
