namespace HostService.Tests.Unit.Architecture;

/// <summary>Who may know whom (ARCHITECTURE.md).</summary>
public sealed class ArrowTests
{
    private const string GrainInterfaces = "HostService.GrainInterfaces";
    private const string Grains = "HostService.Grains";
    private const string Infrastructure = "HostService.Infrastructure";
    private const string Gateway = "HostService.Gateway";
    private const string Silo = "host-service";

    private static readonly string[] Rooms = [GrainInterfaces, Grains, Infrastructure, Gateway, Silo];

    [Theory]
    [InlineData(GrainInterfaces)]
    [InlineData(Grains, GrainInterfaces, Infrastructure)]
    [InlineData(Infrastructure, GrainInterfaces)]
    [InlineData(Gateway, GrainInterfaces)]
    public void A_room_knows_no_other_than_it_may(string room, params string[] mayKnow)
    {
        var knows = AssemblyFile.Read(room).References.Intersect(Rooms);

        Assert.Empty(knows.Except(mayKnow));
    }

    [Theory]
    [InlineData(GrainInterfaces, "Microsoft.AspNetCore", "Docker.DotNet", "AWSSDK", "Npgsql", "Sentry")]
    [InlineData(Grains, "Microsoft.AspNetCore", "Docker.DotNet", "AWSSDK", "Npgsql", "Dapper", "Sentry")]
    // Orleans' code generator references Orleans.Serialization from whatever references GrainInterfaces; nothing else of Orleans belongs
    // here.
    [InlineData(Infrastructure, "Microsoft.AspNetCore", "Orleans.Core", "Orleans.Runtime", "Orleans.Server", "Orleans.Client", "Sentry")]
    [InlineData(Gateway, "Docker.DotNet", "AWSSDK", "Npgsql", "Dapper", "Sentry")]
    public void A_room_keeps_out_the_packages_of_others(string room, params string[] packages)
    {
        Assert.DoesNotContain(
            AssemblyFile.Read(room).References, name => packages.Any(package => name.StartsWith(package, StringComparison.Ordinal)));
    }

    [Fact]
    public void Grains_know_the_machine_by_its_interfaces_and_values_only()
    {
        var machine = AssemblyFile.Read(Infrastructure).Load();
        var interfaces = machine.GetTypes().Where(type => type is { IsInterface: true, IsPublic: true }).ToHashSet();

        var implementations = AssemblyFile.Read(Grains).Types
            .Where(type => type.Assembly == Infrastructure)
            .Select(type => machine.GetType(type.FullName, throwOnError: true)!)
            .Where(type => type.IsClass && type.GetInterfaces().Any(interfaces.Contains));

        Assert.Empty(implementations);
    }
}
