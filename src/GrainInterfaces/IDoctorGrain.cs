using Orleans.Concurrency;

namespace HostService.GrainInterfaces;

/// <summary>
/// Examines the host and its machine. Key: <see cref="HostKeys.Host"/>. Not a part of <see cref="IHostGrain"/>, whose calls do not wait.
/// </summary>
public interface IDoctorGrain : IGrainWithStringKey
{
    /// <summary>Runs every check now, all at once, each with a timeout of its own.</summary>
    [AlwaysInterleave]
    Task<DoctorReport> Examine();
}

/// <summary>What <see cref="IDoctorGrain"/> asks.</summary>
public interface IDoctor
{
    Task<DoctorReport> ExamineAsync(CancellationToken cancellationToken);
}

/// <summary>The state of the host and its machine.</summary>
/// <param name="Checks">In a fixed order.</param>
/// <param name="Differences">Of the last comparison of everything that mandelboxes have; empty where all is well.</param>
[GenerateSerializer, Immutable]
public sealed record DoctorReport(
    [property: Id(0)] IReadOnlyList<DoctorCheck> Checks,
    [property: Id(1)] IReadOnlyList<Difference> Differences);

/// <summary>The result of one check.</summary>
/// <param name="Name">For example <c>engine</c>.</param>
/// <param name="Outcome">Whether the host can do its work.</param>
/// <param name="Detail">What was found.</param>
/// <param name="Advice">What to do; null where nothing has to be done.</param>
[GenerateSerializer, Immutable]
public sealed record DoctorCheck(
    [property: Id(0)] string Name,
    [property: Id(1)] CheckOutcome Outcome,
    [property: Id(2)] string Detail,
    [property: Id(3)] string? Advice = null);

[GenerateSerializer]
public enum CheckOutcome
{
    Ok,

    /// <summary>The host works; something is missing, or will be soon.</summary>
    Warning,

    Failed,
}
