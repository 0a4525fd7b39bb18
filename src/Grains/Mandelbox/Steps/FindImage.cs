using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Docker;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>
/// Finds the image of the app (B17): among the local images in a local environment, where a name with a tag is the image itself; by its
/// name in a deployed one.
/// </summary>
public sealed class FindImage(IContainerEngine engine, HostEnvironment environment, string imageTemplate) : IStep<MandelboxContext>
{
    public string Name => "image";

    public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        var app = context.RequiredRequest.AppName;
        context.Image = (environment.IsLocal, Names.IsImage(app)) switch
        {
            (true, true) => app,
            (true, false) => await engine.FindImageAsync(ContainerNames.LocalImagePatterns(app), cancellationToken),
            _ => ContainerNames.Image(imageTemplate, environment.Name, app),
        };
        return context.Image is null
            ? StepResult.Failed($"no local image matches app {app}: build or pull one, for example {app}:current-build")
            : StepResult.Done;
    }
}
