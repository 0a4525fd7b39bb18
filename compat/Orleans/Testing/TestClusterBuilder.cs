using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace Orleans.TestingHost;

/// <summary>Builds a <see cref="TestCluster"/>.</summary>
public class TestClusterBuilder
{
    private readonly List<Action<IConfigurationBuilder>> _configuration = [];
    private readonly List<Action> _builders = [];

    public TestClusterBuilder()
        : this(2)
    {
    }

    public TestClusterBuilder(short initialSilosCount)
    {
        Options = new TestClusterOptions
        {
            InitialSilosCount = initialSilosCount,
            ClusterId = CreateClusterId(),
            ServiceId = Guid.NewGuid().ToString("N"),
            UseTestClusterMembership = true,
            InitializeClientOnDeploy = true,
        };
    }

    public Dictionary<string, string?> Properties { get; } = [];

    public TestClusterOptions Options { get; }

    public static string CreateClusterId() =>
        string.Create(CultureInfo.InvariantCulture, $"testcluster-{DateTime.UtcNow:yyyy-MM-dd-HH-mm-ss}-{Guid.NewGuid().ToString("N")[..6]}");

    public TestClusterBuilder ConfigureBuilder(Action configureDelegate)
    {
        ArgumentNullException.ThrowIfNull(configureDelegate);
        _builders.Add(configureDelegate);
        return this;
    }

    public TestClusterBuilder ConfigureHostConfiguration(Action<IConfigurationBuilder> configureDelegate)
    {
        ArgumentNullException.ThrowIfNull(configureDelegate);
        _configuration.Add(configureDelegate);
        return this;
    }

    public TestClusterBuilder AddSiloBuilderConfigurator<T>()
        where T : new()
    {
        if (!typeof(ISiloConfigurator).IsAssignableFrom(typeof(T)) && !typeof(IHostConfigurator).IsAssignableFrom(typeof(T)))
            throw new ArgumentException($"The type {typeof(T)} is not assignable to either {nameof(ISiloConfigurator)} or {nameof(IHostConfigurator)}");
        Options.SiloBuilderConfiguratorTypes.Add(typeof(T).AssemblyQualifiedName);
        return this;
    }

    public TestClusterBuilder AddClientBuilderConfigurator<T>()
        where T : new()
    {
        if (!typeof(IClientBuilderConfigurator).IsAssignableFrom(typeof(T)) && !typeof(IHostConfigurator).IsAssignableFrom(typeof(T)))
            throw new ArgumentException($"The type {typeof(T)} is not assignable to either {nameof(IClientBuilderConfigurator)} or {nameof(IHostConfigurator)}");
        Options.ClientBuilderConfiguratorTypes.Add(typeof(T).AssemblyQualifiedName);
        return this;
    }

    public TestCluster Build()
    {
        foreach (var action in _builders)
            action();
        var builder = new ConfigurationBuilder();
        builder.AddInMemoryCollection(Properties);
        builder.AddInMemoryCollection(Options.ToDictionary());
        foreach (var action in _configuration)
            action(builder);
        var configuration = builder.Build();
        var options = new TestClusterOptions();
        configuration.Bind(options);
        configuration.GetSection("Orleans").Bind(options);
        return new TestCluster(options, [.. builder.Sources]);
    }
}
