using HostService.Infrastructure.Backend.Connection;
using HostService.Infrastructure.Backend.Rows;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Infrastructure.Backend;

public static class DatabaseServices
{
    /// <summary>
    /// <see cref="IBackendDatabase"/>, <see cref="HeartbeatLoop"/> and <see cref="StaleRowSweep"/>. Sections <c>Database</c> and
    /// <c>Heroku</c>, which are not read where there is no database (LOCALDEV).
    /// </summary>
    public static IServiceCollection AddBackendDatabase(this IServiceCollection services, bool hasDatabase)
    {
        services.AddSingleton<HeartbeatLoop>();
        services.AddSingleton<StaleRowSweep>();
        if (!hasDatabase)
        {
            services.AddSingleton<IBackendDatabase, NoDatabase>();
            return services;
        }

        services.AddOptions<HerokuOptions>().BindConfiguration("Heroku");
        services.AddValidatedOptions<DatabaseOptions>(DatabaseOptions.Section)
            .PostConfigure<IConfiguration, IOptions<HerokuOptions>>((options, configuration, heroku) =>
            {
                options.Url = options.Url.Length > 0 ? options.Url : configuration["DATABASE_URL"] ?? "";
                options.Heroku = heroku.Value;
            });
        services.AddSingleton<IConnectionStringSource>(provider => new ConnectionStringSource(
            provider.GetRequiredService<IOptions<DatabaseOptions>>(),
            // Lives as long as the process. A redirect would send the API key elsewhere.
            new HerokuConfigVars(new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false })
            {
                Timeout = Timeout.InfiniteTimeSpan,
            }),
            provider.GetRequiredService<ILogger<ConnectionStringSource>>()));
        services.AddSingleton<DatabaseSession>();
        services.AddSingleton<IBackendDatabase, BackendDatabase>();
        return services;
    }
}
