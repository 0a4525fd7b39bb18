using HostService.Infrastructure.Docker;

namespace HostService.Grains.Mandelbox;

/// <summary>The image of an app (B17).</summary>
public static class MandelboxImage
{
    /// <summary>Its tag; null where a local environment has none.</summary>
    public static async Task<string?> FindAsync(
        IContainerEngine engine, HostEnvironment environment, string template, string app, CancellationToken cancellationToken) =>
        (environment.IsLocal, Names.IsImage(app)) switch
        {
            (true, true) => app,
            (true, false) => await engine.FindImageAsync(ContainerNames.LocalImagePatterns(app), cancellationToken),
            _ => ContainerNames.Image(template, environment.Name, app),
        };
}
