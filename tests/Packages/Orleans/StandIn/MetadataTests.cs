namespace HostService.Tests.Packages.Orleans.StandIn;

/// <summary>Holds the stand-in to the two real assemblies that restore by themselves: whatever both define is declared in the same way.</summary>
public sealed class MetadataTests
{
    [Fact]
    public void Every_public_type_that_a_real_assembly_defines_too_is_declared_as_there()
    {
        using var standIn = StandIn();
        var real = Real();
        var shared = standIn.Types().Where(t => real.ContainsKey(t.Name)).ToList();
        Assert.True(shared.Count > 60, $"Only {shared.Count} types were compared: are the real assemblies there?");
        var differences = shared.Where(t => t.Declaration != real[t.Name].Declaration)
            .Select(t => $"ours: {t.Declaration}\nreal: {real[t.Name].Declaration}")
            .Concat(shared.SelectMany(t => t.Interfaces.Except(real[t.Name].Interfaces).Select(i => $"{t.Name} is {i} here only")));
        None(differences);
    }

    [Fact]
    public void Every_public_member_of_such_a_type_is_there_with_the_same_signature_and_attributes()
    {
        using var standIn = StandIn();
        var real = Real();
        var differences = standIn.Types().Where(t => real.ContainsKey(t.Name))
            .SelectMany(t => t.Members.Except(real[t.Name].Members).Select(m => $"{t.Name}: {m}"));
        None(differences);
    }

    [Fact]
    public void No_member_of_a_real_interface_that_others_implement_is_missing()
    {
        // Interfaces that this project implements: one member less here would be one compiler error more there.
        string[] implemented =
        [
            "Orleans.IGrainBase", "Orleans.IIncomingGrainCallFilter", "Orleans.IOutgoingGrainCallFilter", "Orleans.ILifecycleObserver",
            "Orleans.ILifecycleParticipant`1", "Orleans.IGrainFactory", "Orleans.Runtime.IGrainTimer", "Orleans.Core.IStorage", "Orleans.Core.IStorage`1",
            "Orleans.TestingHost.ISiloConfigurator", "Orleans.TestingHost.IClientBuilderConfigurator", "Orleans.TestingHost.IHostConfigurator",
        ];
        using var standIn = StandIn();
        var ours = standIn.Types().ToDictionary(t => t.Name);
        var real = Real();
        None(implemented.SelectMany(name => real[name].Members.Except(ours[name].Members).Select(m => $"{name}: {m}")));
    }

    private static void None(IEnumerable<string> differences)
    {
        var all = differences.Order(StringComparer.Ordinal).ToList();
        Assert.True(all.Count == 0, $"{all.Count} differences:\n{string.Join('\n', all)}");
    }

    private static PublicSurface StandIn() => new(typeof(IGrain).Assembly.Location);

    private static Dictionary<string, SurfaceType> Real()
    {
        var types = new Dictionary<string, SurfaceType>();
        foreach (var path in Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "real"), "Orleans.*.dll"))
        {
            using var surface = new PublicSurface(path);
            foreach (var type in surface.Types())
                types.Add(type.Name, type);
        }

        return types;
    }
}
