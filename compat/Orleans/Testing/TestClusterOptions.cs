namespace Orleans.TestingHost;

/// <summary>What a test cluster consists of.</summary>
public class TestClusterOptions
{
    public string ClusterId { get; set; } = null!;

    public string ServiceId { get; set; } = null!;

    public int BaseSiloPort { get; set; }

    public int BaseGatewayPort { get; set; }

    public bool UseTestClusterMembership { get; set; }

    public bool InitializeClientOnDeploy { get; set; }

    /// <summary>One: this stand-in is one process with one silo.</summary>
    public short InitialSilosCount { get; set; }

    public List<string?> SiloBuilderConfiguratorTypes { get; } = [];

    public List<string?> ClientBuilderConfiguratorTypes { get; } = [];

    public Dictionary<string, string?> ToDictionary()
    {
        var values = new Dictionary<string, string?>
        {
            [$"Orleans:{nameof(ClusterId)}"] = ClusterId,
            [$"Orleans:{nameof(ServiceId)}"] = ServiceId,
            [nameof(BaseSiloPort)] = $"{BaseSiloPort}",
            [nameof(BaseGatewayPort)] = $"{BaseGatewayPort}",
            [nameof(UseTestClusterMembership)] = $"{UseTestClusterMembership}",
            [nameof(InitializeClientOnDeploy)] = $"{InitializeClientOnDeploy}",
            [nameof(InitialSilosCount)] = $"{InitialSilosCount}",
        };
        if (UseTestClusterMembership)
            values["Orleans:Clustering:ProviderType"] = "Development";
        for (var i = 0; i < SiloBuilderConfiguratorTypes.Count; i++)
            values[$"{nameof(SiloBuilderConfiguratorTypes)}:{i}"] = SiloBuilderConfiguratorTypes[i];
        for (var i = 0; i < ClientBuilderConfiguratorTypes.Count; i++)
            values[$"{nameof(ClientBuilderConfiguratorTypes)}:{i}"] = ClientBuilderConfiguratorTypes[i];
        return values;
    }
}
