using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Orleans.Hosting;

namespace Orleans.TestingHost;

/// <summary>Configures the silos of a test cluster.</summary>
public interface ISiloConfigurator
{
    void Configure(ISiloBuilder siloBuilder);
}

/// <summary>Configures the client of a test cluster.</summary>
public interface IClientBuilderConfigurator
{
    void Configure(IConfiguration configuration, IClientBuilder clientBuilder);
}

/// <summary>Configures the hosts of a test cluster.</summary>
public interface IHostConfigurator
{
    void Configure(IHostBuilder hostBuilder);
}
