using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace HostService.Infrastructure;

/// <summary>Options that are bound to a section and validated at start, all faults together.</summary>
internal static class ValidatedOptions
{
    /// <param name="validate">One sentence for each fault.</param>
    public static void AddValidatedOptions<TOptions>(this IServiceCollection services, string section, Func<TOptions, IEnumerable<string>> validate)
        where TOptions : class
    {
        services.AddOptions<TOptions>().BindConfiguration(section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<TOptions>>(new Validator<TOptions>(validate));
    }

    internal sealed class Validator<TOptions>(Func<TOptions, IEnumerable<string>> validate) : IValidateOptions<TOptions>
        where TOptions : class
    {
        public ValidateOptionsResult Validate(string? name, TOptions options) =>
            validate(options).ToList() is { Count: > 0 } faults ? ValidateOptionsResult.Fail(faults) : ValidateOptionsResult.Success;
    }
}
