using System.Reflection;
using Microsoft.Extensions.Logging.Console;

namespace HostService.Silo.Hosting;

/// <summary>Validates every options class before anything else happens, so that all faults of all sections are reported together.</summary>
public static class OptionsCheck
{
    private static readonly Type[] Kinds = [typeof(IConfigureOptions<>), typeof(IValidateOptions<>)];

    /// <summary>.NET's own that are bound to the configuration. What they throw would otherwise come up while the log is set up.</summary>
    private static readonly Dictionary<Type, string> Foreign = new()
    {
        [typeof(ConsoleLoggerOptions)] = "Logging:Console",
        [typeof(JsonConsoleFormatterOptions)] = "Logging:Console:FormatterOptions",
        [typeof(ConsoleFormatterOptions)] = "Logging:Console:FormatterOptions",
    };

    /// <summary>Every fault; empty when there is none.</summary>
    /// <remarks>With a provider of its own: building the application builds the HTTPS server, which stops at its first fault.</remarks>
    public static IReadOnlyList<string> Validate(IServiceCollection services)
    {
        using var provider = services.BuildServiceProvider();
        var types = services
            .Select(s => s.ServiceType)
            .Where(t => t.IsGenericType && Kinds.Contains(t.GetGenericTypeDefinition()))
            .Select(t => t.GetGenericArguments()[0])
            .Where(t => Foreign.ContainsKey(t) || t.Namespace?.StartsWith("HostService", StringComparison.Ordinal) == true)
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
        catch (TargetInvocationException wrapped) when (wrapped.InnerException is InvalidOperationException or ArgumentException)
        {
            // The binder stops at the first value of the wrong type; the other faults must be reported, too.
            var section = Foreign.GetValueOrDefault(type) ?? SettingKeys.SectionOf(type);
            return OptionsByProperty.Validate(type, section, provider) is { Count: > 0 } all ? all : [wrapped.InnerException.Message];
        }
    }
}
