using Microsoft.Extensions.DependencyInjection;

namespace HostService.Infrastructure.Backend.Webserver;

public static class WebserverServices
{
    /// <summary><see cref="IWebserver"/> from section <c>Webserver</c>, which does nothing unless <c>Webserver:Url</c> is set.</summary>
    /// <param name="facts">
    /// Called before each heartbeat; the host's identity must be known when <see cref="IWebserver.RunAsync"/> is called.
    /// </param>
    public static IServiceCollection AddWebserver(this IServiceCollection services, Func<IServiceProvider, WebserverFacts> facts)
    {
        services.AddValidatedOptions<WebserverOptions>(WebserverOptions.Section);
        services.AddSingleton<IWebserver>(provider =>
        {
            var options = provider.GetRequiredService<IOptions<WebserverOptions>>();
            if (!options.Value.IsOn)
            {
                return new NoWebserver();
            }

            // Lives as long as the process. The client sets each request's timeout. A redirect would send the token elsewhere.
            var handler = new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) };
            var http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
            var timeProvider = provider.GetRequiredService<TimeProvider>();
            return new HttpWebserver(
                new WebserverClient(http, options, timeProvider),
                () => facts(provider),
                timeProvider,
                provider.GetRequiredService<ILogger<HttpWebserver>>());
        });
        return services;
    }
}
