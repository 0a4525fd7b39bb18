using System.Collections.Frozen;
using System.Text.Json;

namespace HostService.GrainInterfaces;

/// <summary>Values of metric labels. The same value has the same text in every metric, so that metrics join.</summary>
public static class MetricLabels
{
    /// <summary>In snake_case: <c>out_of_memory</c>.</summary>
    public static string Of<TEnum>(TEnum value)
        where TEnum : struct, Enum => Texts<TEnum>.All[value];

    /// <summary>Kept: a mandelbox that moves on asks for several.</summary>
    private static class Texts<TEnum>
        where TEnum : struct, Enum
    {
        public static readonly FrozenDictionary<TEnum, string> All = Enum.GetValues<TEnum>().ToFrozenDictionary(
            value => value, value => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()));
    }
}
