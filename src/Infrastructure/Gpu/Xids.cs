using System.Collections.Frozen;

namespace HostService.Infrastructure.Gpu;

/// <summary>
/// XIDs are the error numbers of NVIDIA's driver; NVIDIA publishes their catalogue. Most are caused by an application and affect only that
/// one (13, 31, 43, 45, 68, 94, 109 …): the GPU is healthy.
/// </summary>
public static class Xids
{
    private static readonly FrozenDictionary<int, string> Descriptions = new Dictionary<int, string>
    {
        [46] = "the GPU stopped processing",
        [48] = "uncorrectable memory error",
        [54] = "auxiliary power is not connected",
        [62] = "its internal micro-controller halted",
        [64] = "a bad memory row could not be retired",
        [74] = "NVLink error",
        [79] = "the GPU has fallen off the bus",
        [95] = "uncontained memory error",
        [110] = "security fault",
        [119] = "its system processor does not answer",
        [120] = "its system processor failed",
        [140] = "unrecovered memory error",
        [143] = "the GPU could not be initialised",
    }.ToFrozenDictionary();

    /// <summary>Those after which NVIDIA's catalogue asks for a reset of the GPU, a restart of the machine or its repair.</summary>
    public static IReadOnlyList<int> Fatal { get; } = [.. Descriptions.Keys.Order()];

    /// <summary>For example <c>XID 79 (the GPU has fallen off the bus)</c>.</summary>
    public static string Describe(int xid) =>
        Descriptions.TryGetValue(xid, out var description) ? $"XID {xid} ({description})" : $"XID {xid}";
}
