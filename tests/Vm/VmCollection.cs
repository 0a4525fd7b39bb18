namespace HostService.Tests.Vm;

/// <summary>One VM at a time: classes of a collection run one after the other.</summary>
internal static class VmCollection
{
    public const string Name = "VM";
}
