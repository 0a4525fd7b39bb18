using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Docker;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>Finds the image (B17): locally among the local images, or a name with a tag itself; deployed by its name.</summary>
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
