using System.Runtime.CompilerServices;
using HostService.Infrastructure.Linux;
using HostService.Infrastructure.Linux.Firewall;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Engine.Firewall;

/// <summary>
/// A container that makes its own frames against the host's kernel, with <c>route_localnet</c> set as on the AMI: what it reaches without
/// the rules, and no longer reaches with them. The rules are loaded by the service's own code.
/// </summary>
public sealed class FirewallTests
{
    [NamespaceTheory]
    [InlineData("127.0.0.1")]
    [InlineData("127.8.9.10")]
    [InlineData("169.254.169.254")]
    [InlineData("169.254.170.2")]
    public async Task A_container_reaches_what_listens_on_this_address_until_the_rules_are_loaded(string address)
    {
        await using var network = await HostAndContainer.CreateAsync();
        if (!address.StartsWith("127.", StringComparison.Ordinal))
        {
            // On a host of EC2 or ECS it is elsewhere, or on loopback by DNAT; here the kernel would deliver it at once.
            await network.OnHostAsync("ip", "address", "add", $"{address}/32", "dev", "lo");
        }

        var port = await network.ListenAsync(address);
        Assert.True(await network.IsAnsweredAsync(address, port));

        await LoadAsync(network);

        Assert.False(await network.IsAnsweredAsync(address, port));
    }

    [NamespaceFact]
    public async Task Rules_that_were_flushed_are_loaded_again_and_those_that_are_there_are_left_alone()
    {
        await using var network = await HostAndContainer.CreateAsync();
        var port = await network.ListenAsync("127.0.0.1");
        var all = await LoadAsync(network);
        Assert.Contains("! -i lo -d 127.0.0.0/8 -j DROP", all);
        Assert.Empty(await LoadAsync(network));

        await network.OnHostAsync("iptables", "-w", "-t", "raw", "-F", "PREROUTING");
        Assert.True(await network.IsAnsweredAsync("127.0.0.1", port));
        Assert.Equal(["PREROUTING ! -i lo -j HOST-SERVICE"], await LoadAsync(network));
        Assert.False(await network.IsAnsweredAsync("127.0.0.1", port));

        await network.OnHostAsync("iptables", "-w", "-t", "raw", "-F", "HOST-SERVICE");
        Assert.True(await network.IsAnsweredAsync("127.0.0.1", port));
        Assert.Equal(4, (await LoadAsync(network)).Count);
        Assert.False(await network.IsAnsweredAsync("127.0.0.1", port));
    }

    [NamespaceFact]
    public async Task Missing_rules_are_found_without_being_loaded_and_so_is_the_engines()
    {
        const string Engines = IFirewall.EngineRule + "PREROUTING -j DOCKER";
        await using var network = await HostAndContainer.CreateAsync();
        var port = await network.ListenAsync("127.0.0.1");

        var all = await FindMissingAsync(network);
        Assert.True(await network.IsAnsweredAsync("127.0.0.1", port));
        Assert.Equal(all, await FindMissingAsync(network));
        Assert.Equal([.. await LoadAsync(network), Engines], all);
        Assert.Equal([Engines], await AskAsync(network, firewall => firewall.LoadAsync(CancellationToken.None)));
        Assert.Equal([Engines], await FindMissingAsync(network));

        await network.OnHostAsync("iptables", "-w", "-t", "nat", "-N", "DOCKER");
        await network.OnHostAsync("iptables", "-w", "-t", "nat", "-A", "PREROUTING", "-j", "DOCKER");
        Assert.Empty(await FindMissingAsync(network));
    }

    [NamespaceFact]
    public async Task A_packet_that_claims_to_come_from_loopback_is_dropped()
    {
        await using var network = await HostAndContainer.CreateAsync();
        await LoadAsync(network);

        // Its answer would go to the host's own loopback, so only the rule's count shows what became of it.
        await network.IsAnsweredAsync(HostAndContainer.HostAddress, 80, source: "127.0.0.1");

        var counts = await network.OnHostAsync("iptables", "-w", "-t", "raw", "-L", "HOST-SERVICE", "-v", "-n", "-x");
        Assert.Matches(@"(?m)^\s*[1-9]\d*\s.*\bDROP\b.*\s127\.0\.0\.0/8\s+0\.0\.0\.0/0", counts);
    }

    [NamespaceFact]
    public async Task A_redirection_to_loopback_still_works()
    {
        await using var network = await HostAndContainer.CreateAsync();
        var port = await network.ListenAsync("127.0.0.1");
        await LoadAsync(network);

        // As the AMI's of 169.254.170.2:80 to the ECS agent on 127.0.0.1:51679, for an address that is not kept from containers.
        await network.OnHostAsync(
            "iptables", "-w", "-t", "nat", "-A", "PREROUTING", "-p", "tcp", "-d", HostAndContainer.HostAddress, "--dport", "80",
            "-j", "DNAT", "--to-destination", $"127.0.0.1:{port}");

        Assert.True(await network.IsAnsweredAsync(HostAndContainer.HostAddress, 80));
    }

    [NamespaceFact("/proc/net/if_inet6")]
    public async Task The_loopback_of_IPv6_is_kept_by_the_kernel_without_a_rule()
    {
        await using var network = await HostAndContainer.CreateAsync();
        var port = await network.ListenAsync("::1");
        var reachable = await network.ListenAsync(HostAndContainer.HostAddressV6);

        Assert.True(await network.IsAnsweredAsync(HostAndContainer.HostAddressV6, reachable));
        Assert.False(await network.IsAnsweredAsync("::1", port));
    }

    [NamespaceFact]
    public async Task Stopping_leaves_nothing_behind()
    {
        await using var network = await HostAndContainer.CreateAsync();
        await LoadAsync(network);
        Assert.Contains("HOST-SERVICE", await network.OnHostAsync("iptables-save"), StringComparison.Ordinal);

        await network.OnHostAsync(Script(), "stop");
        await network.OnHostAsync(Script(), "stop");

        Assert.DoesNotContain("HOST-SERVICE", await network.OnHostAsync("iptables-save"), StringComparison.Ordinal);
        Assert.DoesNotContain("HOST-SERVICE", await network.OnHostAsync("ip6tables-save"), StringComparison.Ordinal);
    }

    /// <summary>The rules that were loaded, without the engine's, which only the engine can load.</summary>
    private static async Task<IReadOnlyList<string>> LoadAsync(HostAndContainer network) =>
        [.. (await AskAsync(network, firewall => firewall.LoadAsync(CancellationToken.None)))
            .Where(rule => !rule.StartsWith(IFirewall.EngineRule, StringComparison.Ordinal))];

    private static Task<IReadOnlyList<string>> FindMissingAsync(HostAndContainer network) =>
        AskAsync(network, firewall => firewall.FindMissingAsync(CancellationToken.None));

    private static async Task<IReadOnlyList<string>> AskAsync(
        HostAndContainer network, Func<IFirewall, Task<IReadOnlyList<string>>> ask)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("Firewall:Shell", network.HostShell)]).Build();
        await using var services = new ServiceCollection().AddSingleton<IConfiguration>(configuration)
            .AddSingleton(TimeProvider.System).AddFirewall().BuildServiceProvider();
        return await ask(services.GetRequiredService<IFirewall>());
    }

    private static string Script([CallerFilePath] string thisFile = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "../../../deploy/firewall.sh"));
}
