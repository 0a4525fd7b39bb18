using System.Reflection;
using Microsoft.Extensions.Options;

namespace HostService.Silo.Hosting;

/// <summary>
/// Reads every options class of ours once, so that all faults of all sections are named at once and before anything is touched.
/// </summary>
public static class OptionsCheck
{
    private static readonly Type[] Kinds = [typeof(IConfigureOptions<>), typeof(IValidateOptions<>)];

    /// <summary>Every fault; empty when there is none.</summary>
    /// <remarks>
    /// On a provider of its own: to build the application is to build its server, which reads its options and ends at the first fault.
    /// </remarks>
    public static IReadOnlyList<string> Validate(IServiceCollection services)
    {
        using var provider = services.BuildServiceProvider();
        var types = services
            .Select(s => s.ServiceType)
            .Where(t => t.IsGenericType && Kinds.Contains(t.GetGenericTypeDefinition()))
            .Select(t => t.GetGenericArguments()[0])
            .Where(t => t.Namespace?.StartsWith("HostService", StringComparison.Ordinal) == true)
            .Distinct();
        return [.. types.SelectMany(type => Validate(type, provider)).Distinct(StringComparer.Ordinal)];
    }

    private static IEnumerable<string> Validate(Type type, IServiceProvider provider)
    {
        try
        {
            var options = provider.GetRequiredService(typeof(IOptions<>).MakeGenericType(type));
            options.GetType().GetProperty(nameof(IOptions<>.Value))!.GetValue(options);
            return [];
        }
        catch (TargetInvocationException wrapped) when (wrapped.InnerException is OptionsValidationException invalid)
        {
            return invalid.Failures;
        }
        catch (TargetInvocationException wrapped) when (wrapped.InnerException is InvalidOperationException unreadable)
        {
            // A value that cannot be made a number, a time or a truth, at which the binder stops: the others are to be named all the same.
            return OptionsByProperty.Validate(type, provider) is { Count: > 0 } all ? all : [OptionsByProperty.Text(unreadable)];
        }
    }
}
