using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;

namespace HostService.Silo.Hosting;

/// <summary>
/// Reads a section in which some value cannot be read: each property by itself, so that every such value is named, and then the checks over
/// what could be read.
/// </summary>
internal static class OptionsByProperty
{
    private static readonly TimeSpan MatchTimeout = TimeSpan.FromSeconds(1);

    /// <summary>Every fault of the section; a check that is about a property that could not be read says nothing.</summary>
    public static IReadOnlyList<string> Validate(Type options, IServiceProvider provider) =>
        (IReadOnlyList<string>)typeof(OptionsByProperty)
            .GetMethod(nameof(FaultsOf), BindingFlags.NonPublic | BindingFlags.Static)!
            .MakeGenericMethod(options)
            .Invoke(null, [provider])!;

    /// <summary>What the binder says: which value it was, and why.</summary>
    public static string Text(InvalidOperationException unreadable) =>
        unreadable.InnerException is { } inner ? $"{unreadable.Message} {inner.Message}" : unreadable.Message;

    private static List<string> FaultsOf<TOptions>(IServiceProvider provider)
        where TOptions : class, new()
    {
        var section = SectionOf(typeof(TOptions));
        var options = new TOptions();
        var faults = new List<string>();
        var unread = new List<string>();
        foreach (var setting in provider.GetRequiredService<IConfiguration>().GetSection(section).GetChildren())
        {
            try
            {
                var alone = new ConfigurationBuilder()
                    .AddInMemoryCollection(setting.AsEnumerable().Where(s => s.Value is not null))
                    .Build();
                alone.GetSection(section).Bind(options);
            }
            catch (InvalidOperationException unreadable)
            {
                faults.Add(Text(unreadable));
                unread.Add(setting.Key);
            }
        }

        if (unread.Count > 0)
        {
            foreach (var after in provider.GetServices<IPostConfigureOptions<TOptions>>())
            {
                after.PostConfigure(Options.DefaultName, options);
            }

            faults.AddRange(provider.GetServices<IValidateOptions<TOptions>>()
                .Select(check => check.Validate(Options.DefaultName, options))
                .Where(result => result.Failed)
                .SelectMany(result => result.Failures ?? [])
                .Where(fault => !unread.Exists(key => IsAbout(fault, section, key))));
        }

        return faults;
    }

    private static bool IsAbout(string fault, string section, string key) =>
        Regex.IsMatch(
            fault,
            $@"\b{Regex.Escape(section)}(:|__){Regex.Escape(key)}\b",
            RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture,
            MatchTimeout);

    /// <summary>A constant says it, or the class is named after it.</summary>
    private static string SectionOf(Type options) =>
        options.GetField("Section", BindingFlags.Public | BindingFlags.Static) is { } constant
            ? (string)constant.GetRawConstantValue()!
            : options.Name[..^"Options".Length];
}
