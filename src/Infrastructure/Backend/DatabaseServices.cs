using HostService.Infrastructure.Backend.Connection;
using HostService.Infrastructure.Backend.Rows;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Backend;

/// <summary>Registers the database and its schedules.</summary>
public static class DatabaseServices
{
    /// <summary>
    /// <see cref="IBackendDatabase"/>, <see cref="HeartbeatLoop"/> and <see cref="StaleRowSweep"/>. Without a database (LOCALDEV) nothing of the
    /// configuration is looked at.
    /// </summary>
    public static IServiceCollection AddBackendDatabase(this IServiceCollection services, IConfiguration configuration, bool hasDatabase)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<HeartbeatLoop>();
        services.AddSingleton<StaleRowSweep>();
        if (!hasDatabase)
        {
            services.AddSingleton<IBackendDatabase, NoDatabase>();
            return services;
        }

        services.AddOptions<HerokuOptions>().Bind(configuration.GetSection("Heroku"));
        services.AddOptions<DatabaseOptions>()
            .Bind(configuration.GetSection("Database"))
            .PostConfigure(o => o.Url = o.Url.Length > 0 ? o.Url : configuration["DATABASE_URL"] ?? "")
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<DatabaseOptions>, DatabaseOptionsValidator>();
        services.AddSingleton<IBackendDatabase>(provider =>
        {
            var options = provider.GetRequiredService<IOptions<DatabaseOptions>>();
            var clock = provider.GetRequiredService<TimeProvider>();
            // It lives as long as the process, and a redirect would carry the key elsewhere.
            var configVars = new HerokuConfigVars(new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = Timeout.InfiniteTimeSpan });
            var source = new ConnectionStringSource(options, provider.GetRequiredService<IOptions<HerokuOptions>>(), configVars, provider.GetRequiredService<ILogger<ConnectionStringSource>>());
            return new BackendDatabase(
                new DatabaseSession(source, options, clock), options, clock, provider.GetRequiredService<ILogger<BackendDatabase>>());
        });
        return services;
    }
}
