namespace HostService.Tests.Support;

/// <summary>
/// A test that needs programs, files or npm packages (see <see cref="Needs.FirstMissing"/>); skipped, with the reason, where one is
/// missing.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NeedsFactAttribute : FactAttribute
{
    public NeedsFactAttribute(params string[] needs) => Skip = Needs.SkipReason(needs);
}

/// <summary>As <see cref="NeedsFactAttribute"/>, for theories.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NeedsTheoryAttribute : TheoryAttribute
{
    public NeedsTheoryAttribute(params string[] needs) => Skip = Needs.SkipReason(needs);
}
