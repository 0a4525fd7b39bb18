using HostService.Tests.Support;

namespace HostService.Tests.EndToEnd;

/// <summary>Tests of the real process share one engine and one database, and so run one after another.</summary>
[CollectionDefinition(Name)]
public sealed class BackendCollection : ICollectionFixture<EngineFixture>, ICollectionFixture<PostgresFixture>
{
    public const string Name = "backend";
}

/// <summary>
/// A test on a real engine and a real PostgreSQL, and what else it names; skipped, with the reason, where one is missing.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class BackendFactAttribute : FactAttribute
{
    public BackendFactAttribute(params string[] needs) => Skip = Backend.SkipReason(needs);
}

/// <summary>As <see cref="BackendFactAttribute"/>, with data.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class BackendTheoryAttribute : TheoryAttribute
{
    public BackendTheoryAttribute(params string[] needs) => Skip = Backend.SkipReason(needs);
}

/// <summary>As <see cref="EngineFactAttribute"/>, for a test that needs programs or files, too.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class EngineAndFactAttribute : FactAttribute
{
    public EngineAndFactAttribute(params string[] needs) => Skip = EngineFixture.SkipReason ?? Needs.SkipReason(needs);
}

internal static class Backend
{
    public static string? SkipReason(string[] needs) => EngineFixture.SkipReason ?? PostgresServer.SkipReason ?? Needs.SkipReason(needs);
}
