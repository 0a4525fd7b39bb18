namespace Orleans.Runtime;

/// <summary>Whatever a grain reference can point to.</summary>
public interface IAddressable
{
}
