namespace HostService.Tests.Packages.Orleans.StandIn;

/// <summary>A member without a number would be lost on the way.</summary>
[GenerateSerializer]
public sealed record Unnumbered([property: Id(0)] string Kept, string Lost);

/// <summary>Marked itself, but holds what is not.</summary>
[GenerateSerializer]
public sealed record Deep([property: Id(0)] List<Unmarked> Hidden);

// Signatures to be refused; none is a grain interface, or no silo of these tests would start.
public interface ITakesUnnumbered
{
    Task Take(Unnumbered value);
}

public interface ITakesDeep
{
    Task<IReadOnlyList<Deep>> Take();
}

public interface IReturnsPlainly
{
    int Count();
}
