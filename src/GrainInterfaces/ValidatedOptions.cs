using System.Reflection;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.GrainInterfaces;

/// <summary>Settings of one section that can tell what is wrong with them.</summary>
public interface IValidatedOptions
{
    /// <summary>Every fault, each with its key and what to do; empty when there is none.</summary>
    IEnumerable<string> Validate();
}

/// <summary>The one way in which settings are registered.</summary>
public static class ValidatedOptions
{
    /// <summary>Timers take at most 49 days; no setting needs as long.</summary>
    private static readonly TimeSpan LongestTime = TimeSpan.FromDays(24);

    /// <summary>Binds the options to a section of the configuration and validates them at start.</summary>
    public static OptionsBuilder<TOptions> AddValidatedOptions<TOptions>(this IServiceCollection services, string section)
        where TOptions : class, IValidatedOptions
    {
        services.AddSingleton<IValidateOptions<TOptions>>(new Validator<TOptions>(section));
        return services.AddOptions<TOptions>().BindConfiguration(section).ValidateOnStart();
    }

    /// <summary>All faults of options: those that they find themselves, and values that would be a fault of any section.</summary>
    public static IReadOnlyList<string> FaultsOf(IValidatedOptions options, string section)
    {
        var faults = GeneralFaults(options, section);
        try
        {
            faults.AddRange(options.Validate());
        }
        catch (OverflowException) when (faults.Count > 0)
        {
            // A sum with a time that is too long, which is reported.
        }

        return faults;
    }

    /// <summary>The texts of the rules that do not hold.</summary>
    public static IEnumerable<string> Faults(params (bool Holds, string Fault)[] rules) => rules.Where(r => !r.Holds).Select(r => r.Fault);

    /// <summary>A rule for <see cref="Faults"/>: a time must be more than zero.</summary>
    public static (bool Holds, string Fault) Positive(string key, TimeSpan value) =>
        (value > TimeSpan.Zero, $"{key} is {value}; it must be more than zero, for example 00:00:30");

    /// <summary>Values that would make a timer or a system call throw.</summary>
    private static List<string> GeneralFaults(IValidatedOptions options, string section)
    {
        var faults = new List<string>();
        foreach (var property in options.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            switch (property.GetValue(options))
            {
                case TimeSpan time when time > LongestTime || time < -LongestTime:
                    faults.Add($"{section}:{property.Name} is {time}; it must be at most {LongestTime.Days} days.");
                    break;
                case string text when text.Contains('\0', StringComparison.Ordinal):
                    faults.Add($"{section}:{property.Name} holds a character with the code 0; remove it.");
                    break;
            }
        }

        return faults;
    }

    private sealed class Validator<TOptions>(string section) : IValidateOptions<TOptions>
        where TOptions : class, IValidatedOptions
    {
        public ValidateOptionsResult Validate(string? name, TOptions options) =>
            FaultsOf(options, section) is { Count: > 0 } faults ? ValidateOptionsResult.Fail(faults) : ValidateOptionsResult.Success;
    }
}
