using HostService.Gateway;
using HostService.Gateway.Fleet;
using HostService.GrainInterfaces;
using HostService.Infrastructure.Fleet;
using HostService.Silo.Fleet;
using HostService.Silo.Hosting;

namespace HostService.Tests.Unit.Fleet;

/// <summary>What is wrong with the settings of fleets and relays is said before anything runs.</summary>
public sealed class FleetSettingsTests
{
    [Theory]
    [InlineData("http://10.0.0.1:4680", "no address of a gateway")]
    [InlineData("10.0.0.1", "no address of a gateway")]
    [InlineData("https://10.0.0.1:4680, ftp://10.0.0.2", "'ftp://10.0.0.2'")]
    public void A_relay_needs_addresses_of_gateways(string fleet, string fault) =>
        Assert.Contains(fault, FaultsOf(new RelayOptions { Fleet = fleet }), StringComparison.Ordinal);

    [Fact]
    public void Several_gateways_are_taken_in_their_order() => Assert.Equal(
        ["https://10.0.0.2:4680/", "https://10.0.0.1:4680/"],
        new RelayOptions { Fleet = "https://10.0.0.2:4680, https://10.0.0.1:4680," }.Addresses.Select(address => address.ToString()));

    [Theory]
    [InlineData("", "", 4678, "10.0.0.7", "https://10.0.0.7:4678/ops")]
    [InlineData("", "10.1.1.1", 443, "10.0.0.7", "https://10.1.1.1/ops")]
    [InlineData("", "", 4678, "fd00::7", "https://[fd00::7]:4678/ops")]
    [InlineData("", "", 0, "10.0.0.7", "")]
    [InlineData("", "", 4678, "", "")]
    [InlineData("https://host1.example.com/ops", "", 4678, "10.0.0.7", "https://host1.example.com/ops")]
    public void The_fleets_page_leads_to_a_hosts_page_where_that_is_known(
        string setting, string listens, int port, string address, string page) => Assert.Equal(
            page, new RelayOptions { HostPage = setting }.PageOf(address, new GatewayOptions { Address = listens, Port = port }));

    [Theory]
    [InlineData("http://host1.example.com/ops")]
    [InlineData("host1")]
    public void The_address_of_a_hosts_page_is_one(string page) =>
        Assert.Contains("Relay:HostPage", FaultsOf(new RelayOptions { HostPage = page }), StringComparison.Ordinal);

    [Fact]
    public void Files_of_certificates_that_cannot_be_used_are_faults()
    {
        Assert.Contains(
            "Relay:CertificatePath: cannot use /none.pem", FaultsOf(new RelayOptions { CertificatePath = "/none.pem" }), StringComparison.Ordinal);
        Assert.Contains("Relay:CaPath: cannot use /none.pem", FaultsOf(new RelayOptions { CaPath = "/none.pem" }), StringComparison.Ordinal);
        Assert.Contains(
            "set both or neither", FaultsOf(new RelayOptions { CertificateKeyPath = "/none.pem" }), StringComparison.Ordinal);
        Assert.Contains(
            "FleetGateway:HostCaPath: cannot use /dev/null",
            FaultsOf(new FleetGatewayOptions { HostCaPath = "/dev/null" }),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("127.0.0.2", "")]
    [InlineData("10.0.0.1", "which others can reach: set FleetSilo:CertificatePath")]
    [InlineData("fleet.example.com", "give an IP address")]
    public void Control_silos_that_others_can_reach_need_certificates(string address, string fault) =>
        Assert.Contains(fault, FaultsOf(new FleetSiloOptions { Address = address }), StringComparison.Ordinal);

    [Theory]
    [InlineData("postgres://user:secret@db.example.com/fleet")]
    [InlineData("Host=db.example.com;Username=user;Password=secret;Database=fleet")]
    public void The_database_is_named_in_either_form_and_used_with_its_own_schema(string connection)
    {
        var options = new FleetDatabaseOptions { ConnectionString = connection };

        Assert.Equal("", FaultsOf(options));
        Assert.Contains("Search Path=host_service_fleet", options.Npgsql(), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("No Reset On Close=True", options.Npgsql(), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("db.example.com", options.Npgsql(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", 20)]
    [InlineData(";Maximum Pool Size=40", 40)]
    [InlineData(";Maximum Pool Size=100", 100)]
    public void Three_silos_have_no_more_connections_than_the_database_takes_by_default(string more, int connections)
    {
        var options = new FleetDatabaseOptions { ConnectionString = $"Host=db.example.com;Database=fleet{more}" };

        Assert.Contains($"Maximum Pool Size={connections};", options.Npgsql() + ";", StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("postgres://user:secret@/fleet?host=")]
    [InlineData("Host=db.example.com;Pass;word=secret")]
    public void A_connection_string_that_cannot_be_read_is_a_fault_that_does_not_repeat_it(string connection)
    {
        var faults = FaultsOf(new FleetDatabaseOptions { ConnectionString = connection });

        Assert.Contains("FleetDatabase:ConnectionString", faults, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", faults, StringComparison.Ordinal);
    }

    /// <summary>Both may be on one machine, with other ports.</summary>
    [Fact]
    public void A_fleet_has_a_file_of_its_own_for_its_settings()
    {
        var name = $"test-{Guid.NewGuid():N}";
        var file = Path.Combine(AppContext.BaseDirectory, $"{name}.json");
        try
        {
            File.WriteAllText(file, """{"Gateway":{"Port":1234}}""");

            Assert.Equal("1234", ServiceConfiguration.Read([], name)["Gateway:Port"]);
            Assert.NotEqual("1234", ServiceConfiguration.Read([])["Gateway:Port"]);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string FaultsOf(IValidatedOptions options) => string.Join('\n', options.Validate());
}
