using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Docker;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>Finds the image (B17): locally among the local images, or a name with a tag itself; deployed by its name.</summary>
public sealed class FindImage(IContainerEngine engine, HostEnvironment environment, string imageTemplate) : IStep<MandelboxContext>
{
    public string Name => SpinUpPhases.Image;

    public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        var app = context.RequiredRequest.AppName;
        context.Image = await MandelboxImage.FindAsync(engine, environment, imageTemplate, app, cancellationToken);
        return context.Image is null
            ? StepResult.Failed($"no local image matches app {app}: build or pull one, for example {app}:current-build")
            : StepResult.Done;
    }
}
