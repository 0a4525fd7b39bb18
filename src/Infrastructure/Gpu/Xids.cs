using System.Collections.Frozen;

namespace HostService.Infrastructure.Gpu;

/// <summary>
/// XIDs are the numbers under which NVIDIA's driver reports errors of a GPU; NVIDIA publishes their catalogue. Most are caused by an application and cost
/// only that one (13, 31, 43, 45, 68, 94, 109 …): they say nothing about the GPU.
/// </summary>
public static class Xids
{
    private static readonly FrozenDictionary<int, string> Words = new Dictionary<int, string>
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
    public static IReadOnlyList<int> Fatal { get; } = [.. Words.Keys.Order()];

    /// <summary>For a reader: <c>XID 79 (the GPU has fallen off the bus)</c>.</summary>
    public static string Describe(int xid) => Words.TryGetValue(xid, out var words) ? $"XID {xid} ({words})" : $"XID {xid}";
}
