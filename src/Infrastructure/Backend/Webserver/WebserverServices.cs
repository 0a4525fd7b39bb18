using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Backend.Webserver;

/// <summary>Registers the webserver's side.</summary>
public static class WebserverServices
{
    /// <summary><see cref="IWebserver"/>, which does nothing unless <c>Webserver:Url</c> is set.</summary>
    /// <param name="facts">Called before each heartbeat; identity must be known by the time <see cref="IWebserver.RunAsync"/> is called.</param>
    public static IServiceCollection AddWebserver(
        this IServiceCollection services, IConfiguration configuration, Func<IServiceProvider, WebserverFacts> facts)
    {
        services.TryAddSingleton(TimeProvider.System);
        var section = configuration.GetSection("Webserver");
        if (string.IsNullOrWhiteSpace(section["Url"]))
        {
            services.AddSingleton<IWebserver, NoWebserver>();
            return services;
        }

        services.AddOptions<WebserverOptions>().Bind(section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<WebserverOptions>, WebserverOptionsValidator>();
        services.AddSingleton<IWebserver>(provider =>
        {
            // It lives as long as the process; the deadline of each request is the client's own, and a redirect would carry the token elsewhere.
            var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
            {
                Timeout = Timeout.InfiniteTimeSpan,
            };
            var clock = provider.GetRequiredService<TimeProvider>();
            return new HttpWebserver(
                new WebserverClient(http, provider.GetRequiredService<IOptions<WebserverOptions>>(), clock),
                () => facts(provider),
                clock,
                provider.GetRequiredService<ILogger<HttpWebserver>>());
        });
        return services;
    }
}
