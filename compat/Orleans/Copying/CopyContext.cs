namespace Orleans.Serialization;

/// <summary>One copy under way: what was copied already, so that shared and circular references stay what they are.</summary>
internal sealed class CopyContext
{
    [ThreadStatic]
    private static CopyContext? t_spare;

    private readonly Dictionary<object, object> _copies = new(ReferenceEqualityComparer.Instance);

    public static CopyContext Rent()
    {
        var context = t_spare ?? new CopyContext();
        t_spare = null;
        return context;
    }

    public void Return()
    {
        _copies.Clear();
        t_spare = this;
    }

    public bool TryGet<T>(T original, out T copy)
        where T : class
    {
        if (_copies.TryGetValue(original, out var known))
        {
            copy = (T)known;
            return true;
        }

        copy = null!;
        return false;
    }

    public void Record(object original, object copy) => _copies[original] = copy;
}
