using HostService.Tests.Engine.Service;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Firewall;

/// <summary>The whole service where it manages the machine, whose network is a namespace of the test's.</summary>
[Collection(EngineCollection.Name)]
public sealed class ServiceFirewallTests(EngineFixture engine)
{
    [EngineNamespaceFact]
    public async Task The_service_loads_the_rules_when_it_starts_and_again_when_they_are_flushed()
    {
        await using var network = await HostAndContainer.CreateAsync();
        var port = await network.ListenAsync("127.0.0.1");
        Assert.True(await network.IsAnsweredAsync("127.0.0.1", port));

        // Of what managing the machine means, only the firewall.
        await using var service = await TestService.StartAsync(
            engine.Endpoint,
            ("Host__ManageSystem", "true"), ("Docker__Unit", ""), ("AppArmor__EnabledFile", "/nonexistent"),
            ("Firewall__Shell", network.HostShell), ("Firewall__CheckInterval", "00:00:00.2"));
        Assert.False(await network.IsAnsweredAsync("127.0.0.1", port));

        await network.OnHostAsync("iptables", "-w", "-t", "raw", "-F");
        await service.Process.Log.LineAsync("Firewall rules were missing and are loaded again: ").WaitAsync(TimeSpan.FromSeconds(60));
        Assert.False(await network.IsAnsweredAsync("127.0.0.1", port));
    }

    [AttributeUsage(AttributeTargets.Method)]
    private sealed class EngineNamespaceFactAttribute : FactAttribute
    {
        public EngineNamespaceFactAttribute() => Skip = HostAndContainer.SkipReason ?? EngineFixture.SkipReason;
    }
}
